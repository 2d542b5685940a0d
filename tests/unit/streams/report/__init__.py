"""Tests of shift reports."""
