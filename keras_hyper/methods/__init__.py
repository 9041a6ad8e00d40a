"""The methods that the paper compares with: each a way to parametrise and train (w, b)."""

from keras_hyper.methods.adafm import ModulatedConv2D
from keras_hyper.methods.biases import BiasedConv2D
from keras_hyper.methods.blocks import CoupledBlock, ExtendedBlock
from keras_hyper.methods.cresmd import ScaledConv2D
from keras_hyper.methods.ftn import TransformedConv2D
from keras_hyper.methods.generator import EmbeddedConv2D, KernelGenerator
from keras_hyper.methods.merge import merge
from keras_hyper.methods.meta_upscale import MetaUpscale
from keras_hyper.methods.method import JOINT, SCHEDULES, TWO_ENDS, Method, Stage
from keras_hyper.methods.network import METHODS, MethodRes
from keras_hyper.methods.plain import LevelMapConv2D
from keras_hyper.methods.png import MaskedConv2D
from keras_hyper.methods.search import search_table
from keras_hyper.methods.sets import KernelSetsConv2D

__all__ = [
    "JOINT",
    "METHODS",
    "SCHEDULES",
    "TWO_ENDS",
    "BiasedConv2D",
    "CoupledBlock",
    "EmbeddedConv2D",
    "ExtendedBlock",
    "KernelGenerator",
    "KernelSetsConv2D",
    "LevelMapConv2D",
    "MaskedConv2D",
    "MetaUpscale",
    "Method",
    "MethodRes",
    "ModulatedConv2D",
    "ScaledConv2D",
    "Stage",
    "TransformedConv2D",
    "merge",
    "search_table",
]
