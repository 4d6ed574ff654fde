"""The theory lab: move a slider and see the theorem."""

from __future__ import annotations

from pages.ui import shell
from pages.ui.theory import lab

shell.require_app()
lab.show()
