"""The page of samples: look into the generator of any run that has a checkpoint."""

from pages.ui import shell
from pages.ui.live import storing
from pages.ui.samples import page

shell.require_app()
storing.banner()
page.show()
