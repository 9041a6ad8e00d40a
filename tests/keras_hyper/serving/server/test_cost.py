from tensorflow.core.protobuf import config_pb2

from keras_hyper.serving.server.cost import OVERHEAD, Cost, largest, measured


def test_units_beyond_the_tiles_cost_less():
    assert Cost(10.0).of(7) == 70
    assert Cost(10.0, more=2.0, most=5).of(7) == 54


def test_peak_is_the_most_that_was_allocated_at_a_time():
    trace = config_pb2.RunMetadata()
    memory = trace.step_stats.dev_stats.add().node_stats.add().memory.add()
    for time, size in ((1, 100), (2, 50), (3, -100), (4, 80), (5, -50), (6, -80)):
        memory.allocation_records.add(alloc_micros=time, alloc_bytes=size)
    cost = measured(trace, 10, given=30, answer=20, most=None)
    assert cost == Cost(OVERHEAD * 15 + 10, 10, None, 2)
    assert largest([Cost(1.0), cost]) is cost and largest([]).unit > 0
