"""Spectra: their features, the rolling reference of a spectrometer, and the stage that scores them."""
