from gboard_sim.report.text_table import lines


def test_words_begin_and_figures_end_where_their_column_does():
    rows = [
        {"name": "torch", "phones": 1000, "seconds": 0.012345},
        {"name": "onnxruntime", "phones": 5, "seconds": 12.3456},
        {"name": "numpy", "phones": 0, "seconds": float("nan")},
    ]
    assert list(lines(rows)) == [
        "name         phones  seconds",
        "torch         1,000   0.0123",
        "onnxruntime       5     12.3",
        "numpy             0        -",
    ]
