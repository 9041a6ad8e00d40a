import pytest

from benchmarks.paper.report_network import count_blocks


@pytest.mark.parametrize(("blocks", "count"), [(4, 4), ([8], 8), ([2, 4], 8), ([1, 1, 2], 6)])
def test_blocks_of_a_u_net_are_counted_in_encoder_and_decoder(blocks, count):
    assert count_blocks(blocks) == count
