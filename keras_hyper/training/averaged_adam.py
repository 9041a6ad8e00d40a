"""Adam that keeps an average of the weights beside them."""

import keras


@keras.saving.register_keras_serializable(package="keras_hyper")
class AveragedAdam(keras.optimizers.Adam):
    """Adam with Keras's exponential average, put in place when asked and not after every `fit`.

    A run is several calls of `fit` (up to the next whole epoch, the epochs, the rest). Keras writes
    the average over the weights at the end of each, so that the next would go on from there.
    """

    def finalize_variable_values(self, var_list):
        """Does nothing: Keras calls it at the end of every `fit`."""

    def put_average(self, var_list):
        """Writes the average over the weights, where there is one."""
        super().finalize_variable_values(var_list)
