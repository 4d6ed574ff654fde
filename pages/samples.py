"""The page of samples: look into the generator of any run that has a checkpoint."""

from pages.ui import shell, storing
from pages.ui.samples import page

shell.require_app()
storing.banner()
page.show()
