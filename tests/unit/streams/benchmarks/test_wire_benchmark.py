from streams.benchmarks.wire import WireSize, measure_wire


def test_every_step_has_a_figure_and_compressed_images_are_smaller() -> None:
    figures = {figure.name: figure for figure in measure_wire(WireSize(repeats=2))}
    assert len(figures) == 14 + 2 * 12
    assert all(figure.value > 0 for figure in figures.values())
    assert figures["bitshuffle+LZ4, images with beam: plain by compressed"].value > 1.5
    assert figures["bitshuffle+LZ4, dark images: plain by compressed"].value > 2
