"""The page with the slider: a picture, a level, before and after."""
