"""The theory lab: move a slider and see the theorem."""

from __future__ import annotations

from pages.ui import lab, shell

shell.require_app()
lab.show()
