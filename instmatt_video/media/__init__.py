"""Frames in, alpha streams out: sources, colour policy, writers and their verification."""

from .alpha_reader import read_alpha as read_alpha
from .alpha_stream import AlphaStream as AlphaStream
from .file_name import render_filename as render_filename
from .file_name import render_filenames as render_filenames
from .formats import FORMATS as FORMATS
from .formats import FormatSpec as FormatSpec
from .formats import check_format as check_format
from .formats import open_alpha_stream as open_alpha_stream
from .frame import ClipInfo as ClipInfo
from .frame import ColorTags as ColorTags
from .frame import Frame as Frame
from .layer import Layer as Layer
from .source import FrameSource as FrameSource
from .source import open_source as open_source
from .timecode import shift_timecode as shift_timecode
from .video_writer import VideoWriter as VideoWriter
