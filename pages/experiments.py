"""The page of experiments: claims of the papers to be predicted, run live, and judged by numbers."""

from pages.ui import shell, storing
from pages.ui.experiments import page

shell.require_app()
storing.banner()
page.show()
