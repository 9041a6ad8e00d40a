"""`python -m keras_hyper` is `keras-hyper`."""

import sys

from keras_hyper.cli import main

sys.exit(main())
