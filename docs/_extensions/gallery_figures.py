"""What sphinx-gallery takes from a script beside pyplot's figures: those that scatterkit.plotting returns.

They show themselves in a notebook as the last line of a cell, and pyplot knows nothing of them.
"""

from weakref import WeakSet

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

_shown = WeakSet()


def returned_figures(_block, block_vars, gallery_conf):
    """Save the figures that a block has made, and give the lines that show them."""
    rst = ""
    for value in list(block_vars["example_globals"].values()):
        if not isinstance(value, Figure) or value in _shown:
            continue
        _shown.add(value)
        if value.canvas.manager is not None:  # pyplot's, which is closed after this block, and has none then
            continue
        path = next(block_vars["image_path_iterator"])
        value.savefig(path)
        rst += figure_rst([path], gallery_conf["src_dir"], _title(value))
    return rst


def _title(figure):
    """Give the words that stand for a picture where it is not seen."""
    titles = [figure.get_suptitle(), *(ax.get_title() for ax in figure.axes)]
    return ", ".join(" ".join(title.split()) for title in titles if title)
