"""What views look like: charts as plain descriptions of figures, which plotly draws in a page or a report.

Each module enters its charts in the maps ``CHARTS`` (of one lane) and ``OVERLAYS`` (of several), in the order in which they
stand on a page.
"""

# isort: off
from wgan_core.charts import training as training
from wgan_core.charts import pixels as pixels
from wgan_core.charts import scores as scores
from wgan_core.charts import overlays as overlays

# isort: on
from wgan_core.charts.plotting import CHARTS, CLOCKS, OVERLAYS, Chart, Clock, Figure

__all__ = ["CHARTS", "CLOCKS", "OVERLAYS", "Chart", "Clock", "Figure"]
