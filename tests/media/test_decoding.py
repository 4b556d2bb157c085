"""Decoding: frames at the times that were asked for, sounds, texts; and the reason where there is nothing to decode."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from overtone.core import InputError
from overtone.media.decoding import BrokenMedium, Frames, Sampling, Sound, decode_medium, find_blank, resample
from overtone.media.decoding.kinds import MOST_FRAMES
from synthetic_clips import RATE, tone, write_clip


@pytest.mark.parametrize(
    ("name", "video", "sound"),
    [
        ("a.mp4", "mpeg4", "aac"),
        ("a.mkv", "libx264", "flac"),
        ("a.webm", "libvpx", "libopus"),
        ("a.avi", "mpeg4", "libmp3lame"),
    ],
)
def test_frames_and_sound_of_a_video(tmp_path: Path, name: str, video: str, sound: str) -> None:
    path = write_clip(tmp_path / name, seconds=3, video=video, sound=sound)
    found = decode_medium(path, "frames", Sampling(frames=4))
    assert isinstance(found, Frames)
    assert found.pixels.shape == (4, 48, 64, 3)
    np.testing.assert_allclose(found.times, [0.375, 1.125, 1.875, 2.625], atol=0.2)  # AVI declares 3.2 s
    assert np.abs(found.pixels[:, :8].mean(axis=(0, 1, 2)) - (220, 30, 30)).max() < 25
    heard = decode_medium(path, "sound")
    assert isinstance(heard, Sound)
    assert heard.seconds == pytest.approx(3, abs=0.1)
    spectrum = np.abs(np.fft.rfft(heard.samples))
    assert spectrum.argmax() / heard.seconds == pytest.approx(440, abs=2)


def test_frames_at_the_times_that_are_wanted(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", seconds=4)
    by_rate = decode_medium(path, "frames", Sampling(fps=2), start=1, stop=3)
    assert isinstance(by_rate, Frames)
    assert by_rate.times.tolist() == [1, 1.5, 2, 2.5]
    whole = decode_medium(path, "frames", Sampling(fps=10))
    assert isinstance(whole, Frames)
    assert np.array_equal(by_rate.pixels, whole.pixels[[10, 15, 20, 25]])


def test_long_videos_give_the_same_frames_as_those_decoded_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "a.mp4", seconds=6)
    whole = decode_medium(path, "frames")
    monkeypatch.setattr("overtone.media.decoding.video._WHOLE_SECONDS", 2.0)
    sought = decode_medium(path, "frames")
    assert isinstance(whole, Frames)
    assert isinstance(sought, Frames)
    assert np.array_equal(whole.times, sought.times)
    assert np.array_equal(whole.pixels, sought.pixels)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_sound_files(tmp_path: Path, suffix: str) -> None:
    samples = tone(440, 2.0, rate=44_100)
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.stack([samples, samples * 0.5], axis=1), 44_100)
    found = decode_medium(path, "sound")
    assert isinstance(found, Sound)
    assert found.rate == 44_100
    assert np.corrcoef(found.samples[:80_000], samples[:80_000])[0, 1] > 0.99 or suffix == "mp3"
    part = decode_medium(path, "sound", start=0.5, stop=1.25)
    assert isinstance(part, Sound)
    assert len(part.samples) == round(0.75 * 44_100)
    lower = resample(found, RATE)
    assert lower.rate == RATE
    assert lower.seconds == pytest.approx(found.seconds, abs=0.001)


def test_an_image_is_one_frame_where_frames_are_wanted(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), (9, 99, 200)).save(tmp_path / "a.png")
    found = decode_medium(tmp_path / "a.png", "frames")
    assert isinstance(found, Frames)
    assert found.pixels.shape == (1, 10, 20, 3)


def test_texts_are_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("eine Möwe\n", encoding="utf-8")
    assert decode_medium(tmp_path / "a.txt", "text") == "eine Möwe\n"
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BrokenMedium, match=r"^not valid text"):
        decode_medium(tmp_path / "b.txt", "text")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    mute = write_clip(tmp_path / "mute.mp4", hertz=None)
    heard = write_clip(tmp_path / "heard.mp4", colour=None)
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "words.mp4").write_text("words " * 99)
    os.mkfifo(tmp_path / "pipe.wav")
    for path, takes, said in (
        (mute, "sound", "no sound in it"),
        (heard, "frames", "no video in it"),
        (tmp_path / "empty.mp4", "frames", "empty"),
        (tmp_path / "words.mp4", "image", "damaged, or no medium of a known format"),
        (tmp_path / "pipe.wav", "sound", "not a file"),
        (tmp_path / "nowhere.wav", "sound", "No such file"),
    ):
        with pytest.raises(BrokenMedium, match=said):
            decode_medium(path, takes)


def test_media_that_end_early_are_said_to(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", seconds=4, sound="flac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BrokenMedium, match=r"video ends after 2\.\d of 4\.0 s"):
        decode_medium(path, "frames")
    clip = write_clip(tmp_path / "b.mp4", seconds=2)
    with pytest.raises(BrokenMedium, match=r"ends after 2\.0 s, and the clip begins at 3\.0 s"):
        decode_medium(clip, "frames", start=3.0, stop=4.0)


def test_lists_that_name_other_files_are_not_followed(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4")
    lists = {
        "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{clip}\n#EXT-X-ENDLIST\n",
        "concat.mp4": f"ffconcat version 1.0\nfile '{clip}'\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(BrokenMedium, match="no medium of a known format"):
            decode_medium(tmp_path / name, "frames")


@pytest.mark.parametrize("rate", [1, 99, 2_147_483_629])
def test_rates_that_no_sound_has_are_a_reason(tmp_path: Path, rate: int) -> None:
    """The largest is a prime number: to convert it into another rate would take a filter of billions of numbers."""
    soundfile.write(tmp_path / "a.wav", np.full(300, 0.5, np.float32), 8_000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[24:28] = rate.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(BrokenMedium, match=f"has {rate:,} samples a second"):
        decode_medium(tmp_path / "a.wav", "sound")


def test_black_and_silent(tmp_path: Path) -> None:
    dark = write_clip(tmp_path / "dark.mp4", colour=(0, 0, 0), hertz=0.0)
    assert find_blank(decode_medium(dark, "frames")) == "black"
    assert find_blank(decode_medium(dark, "sound")) == "silent"
    assert find_blank(" \n") == "without words"
    clip = write_clip(tmp_path / "a.mp4")
    assert [find_blank(decode_medium(clip, takes)) for takes in ("frames", "sound")] == [None, None]


def test_samplings_out_of_range() -> None:
    for wrong in ({"frames": 0}, {"frames": MOST_FRAMES + 1}, {"fps": 0.0}, {"fps": float("nan")}):
        with pytest.raises(InputError, match="out of range"):
            Sampling(**wrong)
    assert Sampling.from_dict(Sampling(fps=2.5).to_dict()) == Sampling(fps=2.5)
