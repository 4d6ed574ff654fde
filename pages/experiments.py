"""The page of experiments: claims of the papers to be predicted, run live, and judged by numbers."""

from pages.ui import shell
from pages.ui.experiments import page
from pages.ui.live import storing

shell.require_app()
storing.banner()
page.show()
