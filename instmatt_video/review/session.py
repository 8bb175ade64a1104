"""An output folder under review: corrections come and go, and what changed is rendered again.

Knows the manifest and the alpha store; runs no network. The command line and the page both work
through this and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..clip_folder import remove_torn
from ..correction import Correction
from ..errors import OptionError
from ..folder_lock import changing_alone, rendering_alone
from ..manifest import Manifest, TrackRecord, load_manifest
from ..people.identities import Cast
from ..progress import Report, ignore
from ..rendering.publication import people_records, publish, write_people
from ..rendering.render import RenderResult
from ..rendering.stream_keys import stream_keys
from ..rendering.stream_ledger import stream_ledger
from ..rendering.stream_plans import plan_streams, stream_files
from ..settings import config_of, plain_settings
from ..stages import StageClock
from .analysed import Analysed
from .corrections import corrected_cast, output_after
from .source import refuse_captured, reopen_source


@dataclass(frozen=True)
class Rendered:
    """What came of rendering again."""

    manifest: Manifest
    written: tuple[str, ...]
    """Files that were encoded."""
    removed: tuple[str, ...]
    """Streams of nobody who is left."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Streams that only got another name: the old one and the new one."""

    def changes(self) -> tuple[str, ...]:
        """Return what became of the files, in lines for a person to read."""
        lines = [f"renamed: {old} to {new}" for old, new in self.renamed]
        if self.written or not self.renamed:
            nothing = "nothing, all streams are as they were"
            lines.insert(0, f"written: {', '.join(self.written) or nothing}")
        if self.removed:
            lines.append(f"removed: {', '.join(self.removed)}")
        return tuple(lines)


Corrections = tuple[Correction, ...]


class Review:
    """An output folder under review.

    The manifest is read anew for every question: page and command line may be at work at once.

    Args:
        folder: What a run has left.

    Raises:
        VideoOpenError: There is no manifest.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._analysed: Analysed | None = None
        load_manifest(folder)

    @property
    def manifest(self) -> Manifest:
        """The manifest as it stands now."""
        return load_manifest(self.folder)

    @property
    def analysed(self) -> Analysed:
        """What the newest run of the clip has found: another process may have run it again.

        Raises:
            VideoOpenError: The clip was recorded live, and nothing is kept to correct it from.
            AlphaStoreError: The alphas are gone.
        """
        manifest = self.manifest
        refuse_captured(manifest.source)
        stitching = manifest.stitching
        known = self._analysed
        if known is None or (known.stitching, known.version) != (stitching, known.version_now()):
            self._analysed = known = Analysed(self.folder, stitching)
        return known

    def people(self) -> tuple[TrackRecord, ...]:
        """Return everybody as they are now; files and pictures are those that were rendered."""
        return self._people_of(self.manifest)

    def _cast_of(self, manifest: Manifest) -> Cast:
        """Return everybody after all of a manifest's corrections."""
        return corrected_cast(self.analysed.found, manifest.corrections, manifest.source.frames)

    def _people_of(self, manifest: Manifest) -> tuple[TrackRecord, ...]:
        if manifest.is_rendered:
            return manifest.tracks
        rendered = {track.id: track for track in manifest.tracks}
        bare = people_records(
            self._cast_of(manifest),
            manifest.source.first_frame_number,
            (),
            RenderResult({}, {}, ()),
        )
        return tuple(
            track.model_copy(
                update={
                    "file": rendered[track.id].file,
                    "sha256": rendered[track.id].sha256,
                    "thumbnail": rendered[track.id].thumbnail,
                }
            )
            if track.id in rendered
            else track
            for track in bare
        )

    def correct(self, correction: Correction, seen: str | None = None) -> None:
        """Add a correction; nothing is rendered yet.

        Args:
            correction: What is to be another way.
            seen: The `revision` of the people whom the caller has seen; whoever reads and corrects
                in one go needs none.

        Raises:
            OptionError: It cannot be, or not be rendered, or the people are not those that were
                seen.
            AlphaStoreError: The alphas that it needs are gone.
        """

        def add(manifest: Manifest) -> Corrections:
            corrections = (*manifest.corrections, correction)
            cast = corrected_cast(self.analysed.found, corrections, manifest.source.frames)
            output = config_of(manifest.settings).output
            output = output_after(output, self.analysed.found, corrections)
            stream_files(cast, manifest.source.name, output)
            return corrections

        self._change(add, seen)

    def undo(self, seen: str | None = None) -> Correction:
        """Take the last correction back, and return it.

        Args:
            seen: As in `correct`.

        Raises:
            OptionError: There is none, or not the one that was seen.
            AlphaStoreError: The alphas are gone: nothing could be rendered.
        """

        def take_back(manifest: Manifest) -> Corrections:
            if not manifest.corrections:
                raise OptionError(f"{self.folder}: there is no correction to undo")
            return manifest.corrections[:-1]

        return self._change(take_back, seen)[-1]

    def render(
        self, report: Report = ignore, source: Path | None = None, has_rest: bool | None = None
    ) -> Rendered:
        """Write the streams that changed, remove those of nobody, and tell of it everywhere.

        A rendering that was stopped is finished by the next.

        Args:
            report: Told of every frame.
            source: Where the clip lies, if not where it was.
            has_rest: Write everybody else into one more stream, from now on; as before, unless
                given.

        Raises:
            AlphaStoreError: The alphas are gone.
            VideoOpenError: The source is gone, or is another.
            AlphaWriteError: A stream cannot be written.
        """
        with rendering_alone(self.folder):
            return self._render(report, source, has_rest)

    def _render(self, report: Report, source: Path | None, has_rest: bool | None) -> Rendered:
        manifest = self.manifest
        cast = self._cast_of(manifest)
        config = config_of(manifest.settings)
        if has_rest is not None:
            config = replace(config, output=replace(config.output, has_rest=has_rest))
        output = output_after(config.output, self.analysed.found, manifest.corrections)
        clip, path = reopen_source(manifest.source, manifest.settings, source)
        with clip:
            ledger = stream_ledger(self.folder)
            plans = plan_streams(cast, clip.info, self.analysed.store.frame_count, output)
            keys = stream_keys(plans, cast, output, self.analysed.store)
            remove_torn(self.folder)
            is_as_before = manifest.is_rendered and plain_settings(config) == manifest.settings
            if is_as_before and all(ledger.has(file, key) for file, key in keys.items()):
                return Rendered(manifest, (), ledger.prune(keys))
            sound = path if clip.info.has_audio and output.has_audio else None
            plans, rendered = write_people(
                clip, self.analysed.store, cast, output, self.folder, StageClock(), report, sound
            )
            with changing_alone(self.analysed.store.folder):
                update = {
                    # Corrections that came in the meantime stay, to be rendered next.
                    "corrections": self.manifest.corrections,
                    "rendered_corrections": manifest.corrections,
                    "settings": plain_settings(config),
                }
                manifest = manifest.model_copy(update=update)
                manifest = publish(self.folder, manifest, cast, plans, rendered, output)
            removed = stream_ledger(self.folder).prune(keys)
        return Rendered(manifest, rendered.written, removed, rendered.renamed)

    def document(self) -> dict[str, Any]:
        """Return everything that command line and page say, as JSON holds it."""
        manifest = self.manifest
        return {
            "folder": str(self.folder),
            "clip": manifest.source.name,
            "first_frame": manifest.source.first_frame_number,
            "frame_count": manifest.source.frame_count,
            "cuts": list(manifest.cuts),
            "people": [track.model_dump(mode="json") for track in self._people_of(manifest)],
            "corrections": [c.model_dump(mode="json") for c in manifest.corrections],
            "history": [str(correction) for correction in manifest.corrections],
            "is_rendered": manifest.is_rendered,
            "revision": _revision(manifest),
        }

    def _change(self, change: Callable[[Manifest], Corrections], seen: str | None) -> Corrections:
        """Replace the corrections by those that `change` makes; return the former ones."""
        with changing_alone(self.analysed.store.folder):
            manifest = self.manifest
            if seen is not None and seen != _revision(manifest):
                raise OptionError("somebody else has corrected this clip meanwhile: look again")
            manifest.model_copy(update={"corrections": change(manifest)}).save(self.folder)
        return manifest.corrections


def _revision(manifest: Manifest) -> str:
    """Return a name of who is who: another as soon as anybody is found or corrected anew."""
    who = manifest.model_dump_json(include={"stitching", "corrections"})
    return hashlib.sha256(who.encode()).hexdigest()[:16]
