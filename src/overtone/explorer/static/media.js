// The media of a clip: images, frames, sounds with their wave, texts.
import { html, styleValue, useEffect, useElement, useRef, useState } from "./lib.js";
import { mediaAddress } from "./server.js";
import { session } from "./state.js";

const LONGEST_TEXT = 4000;

export function Media({ id, media }) {
  if (!media.length) return null;
  const seen = new Set();
  const apart = media.filter((one) => !seen.has(one.name) && seen.add(one.name));
  return html`<section class="media">${apart.map((one) => html`<${Medium} key=${one.modality} id=${id} medium=${one} />`)}</section>`;
}

function Medium({ id, medium }) {
  const [failed, setFailed] = useState(false);
  const { modality, name, kind, found } = medium;
  const address = mediaAddress(id, modality);
  const fail = () => setFailed(true);
  const shown = { image: Picture, audio: Sound, video: Film, text: Text }[kind];
  const reason = !found
    ? session.value.media_folders ? "is in none of the folders given with --media" : "is shown if its folder is given: --media FOLDER"
    : "cannot be shown by this browser";
  return html`<figure class="medium"><figcaption><span>${modality}</span><span class="quiet">${name}</span></figcaption>
    ${found && shown && !failed ? html`<${shown} address=${address} name=${name} fail=${fail} />` : html`<p class="quiet small">${name} ${reason}.</p>`}
  </figure>`;
}

const Picture = ({ address, name, fail }) => html`<img src=${address} alt=${name} onError=${fail} />`;
const Film = ({ address, fail }) => html`<video src=${address} controls preload="metadata" onError=${fail}></video>`;

function Sound({ address, fail }) {
  const box = useRef();
  const [wave, setWave] = useState(null);
  const [playing, setPlaying] = useState(false);
  const [time, setTime] = useState([0, 0]);
  useElement(box, (container) => {
    let made = null;
    let closed = false;
    import("wavesurfer").then(({ default: WaveSurfer }) => {
      if (closed || !container.isConnected) return;
      made = WaveSurfer.create({
        container, url: address, cspNonce: document.body.dataset.nonce, height: 64, barWidth: 2, barGap: 1, barRadius: 1,
        waveColor: styleValue("--muted"), progressColor: styleValue("--accent"), cursorColor: styleValue("--ink"),
      });
      made.on("ready", (seconds) => setTime([0, seconds]));
      made.on("timeupdate", (now) => setTime([now, made.getDuration()]));
      made.on("play", () => setPlaying(true));
      made.on("pause", () => setPlaying(false));
      made.on("error", fail);
      setWave(made);
    }, fail);
    return () => {
      closed = true;
      made?.destroy();
    };
  }, [address]);
  return html`<div class="sound"><button type="button" aria-label=${playing ? "Pause" : "Play"} onClick=${() => wave?.playPause()}>${playing ? "❚❚" : "►"}</button>
    <div class="wave" ref=${box}></div><span class="quiet small">${time.map((one) => one.toFixed(1)).join(" / ")} s</span></div>`;
}

function Text({ address, fail }) {
  const [text, setText] = useState("");
  useEffect(() => {
    fetch(address).then((answer) => (answer.ok ? answer.text() : Promise.reject(answer))).then((found) => setText(found.slice(0, LONGEST_TEXT)), fail);
  }, [address]);
  return html`<pre class="text">${text}</pre>`;
}
