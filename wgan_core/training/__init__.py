"""The loop, as a generator that reads like the papers' algorithm boxes.

Pausing is not calling ``next``. The command line, the background thread and a test are three drivers of one generator.
It prints nothing, writes no file, starts no thread.
"""

from wgan_core.training.edits import check_edit as check_edit
from wgan_core.training.failures import Diverged as Diverged
from wgan_core.training.failures import failure_of as failure_of
from wgan_core.training.failures import likely_cause as likely_cause
from wgan_core.training.loop import Training as Training
from wgan_core.training.member import STREAMS as STREAMS
from wgan_core.training.member import STREAMS_OF_TRAINING as STREAMS_OF_TRAINING
from wgan_core.training.member import stream as stream
from wgan_core.training.member import stream_number as stream_number
from wgan_core.training.whole import train as train
