// Draws points and lines with WebGL 2. A million points are one call; nothing is compiled but two small shaders.

const POINTS = `#version 300 es
in vec2 place; in vec4 colour; in float state;
uniform vec2 centre, scale; uniform float size, wanted;
out vec4 tint;
void main() {
  bool drawn = state == wanted && place.x == place.x;
  gl_Position = drawn ? vec4((place - centre) * scale, 0, 1) : vec4(2, 2, 2, 1);
  gl_PointSize = size;
  tint = colour;
}`;
const DISC = `#version 300 es
precision highp float;
in vec4 tint; uniform float opacity, size, diamond;
out vec4 pixel;
void main() {
  vec2 from = abs(gl_PointCoord - 0.5) * 2.0;
  float reach = diamond > 0.5 ? from.x + from.y : length(from);
  float inside = 1.0 - smoothstep(1.0 - 2.5 / size, 1.0, reach);
  float alpha = tint.a * opacity * inside;
  pixel = vec4(tint.rgb * alpha, alpha);
}`;
const LINES = `#version 300 es
in vec2 place; uniform vec2 centre, scale;
void main() { gl_Position = vec4((place - centre) * scale, 0, 1); }`;
const PLAIN = `#version 300 es
precision highp float;
uniform vec4 ink; out vec4 pixel;
void main() { pixel = vec4(ink.rgb * ink.a, ink.a); }`;

/** How a clip is drawn. */
export const HIDDEN = 0, DIM = 1, PLAINLY = 2, CHOSEN = 3;

function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
  return made;
}

export class Scatter {
  /** Throws if the browser has no WebGL 2. Smooth lines cost time where there is no GPU: points are smooth anyway. */
  constructor(canvas, antialias = true) {
    const gl = canvas.getContext("webgl2", { antialias, premultipliedAlpha: true, alpha: true });
    if (!gl) throw new Error("This browser has no WebGL 2, which the map needs.");
    this.gl = gl;
    this.canvas = canvas;
    this.points = program(gl, POINTS, DISC);
    this.plain = program(gl, LINES, PLAIN);
    this.layers = [];
    this.line = { buffer: gl.createBuffer(), count: 0 };
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /** One layer a modality; places stay, colours and states change. */
  setLayers(layers) {
    const gl = this.gl;
    for (const layer of this.layers) for (const name of ["place", "colour", "state"]) gl.deleteBuffer(layer[name]);
    this.layers = layers.map(({ places, diamond }) => {
      const layer = { place: gl.createBuffer(), colour: gl.createBuffer(), state: gl.createBuffer(), diamond };
      this.fill(layer.place, places);
      layer.count = places.length / 2;
      return layer;
    });
  }

  setColours(at, colours) {
    this.fill(this.layers[at].colour, colours);
  }

  setStates(states) {
    for (const layer of this.layers) this.fill(layer.state, states);
  }

  /** Lines between pairs of places: x and y of one end, then of the other. */
  setLines(places) {
    this.fill(this.line.buffer, places);
    this.line.count = places.length / 2;
  }

  fill(buffer, values) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, values, this.gl.DYNAMIC_DRAW);
  }

  attribute(owner, name, buffer, size, type, normalised = false) {
    const gl = this.gl;
    const place = gl.getAttribLocation(owner, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, size, type, normalised, 0, 0);
  }

  /** camera: centre and pixels per unit; look: size of points, line colour, whether some are chosen. */
  draw(camera, look) {
    const { gl, canvas } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!width || !height) return;
    const scale = [(2 * camera.zoom * ratio) / width, (2 * camera.zoom * ratio) / height];
    if (this.line.count) {
      gl.useProgram(this.plain);
      this.place(this.plain, camera, scale);
      gl.uniform4fv(gl.getUniformLocation(this.plain, "ink"), look.ink);
      this.attribute(this.plain, "place", this.line.buffer, 2, gl.FLOAT);
      gl.drawArrays(gl.LINES, 0, this.line.count);
    }
    gl.useProgram(this.points);
    this.place(this.points, camera, scale);
    for (const state of look.chosen ? [DIM, CHOSEN] : [PLAINLY]) {
      for (const layer of this.layers) this.drawLayer(layer, state, look, ratio);
    }
  }

  place(owner, camera, scale) {
    this.gl.uniform2f(this.gl.getUniformLocation(owner, "centre"), camera.x, camera.y);
    this.gl.uniform2fv(this.gl.getUniformLocation(owner, "scale"), scale);
  }

  drawLayer(layer, state, look, ratio) {
    const gl = this.gl;
    const set = (name, value) => gl.uniform1f(gl.getUniformLocation(this.points, name), value);
    const grown = (layer.diamond ? 1.25 : 1) * (state === CHOSEN ? 1.35 : 1);
    set("size", Math.max(look.size * grown * ratio, 2));
    set("wanted", state);
    set("diamond", layer.diamond ? 1 : 0);
    set("opacity", state === DIM ? look.dim : look.opacity);
    this.attribute(this.points, "place", layer.place, 2, gl.FLOAT);
    this.attribute(this.points, "colour", layer.colour, 4, gl.UNSIGNED_BYTE, true);
    this.attribute(this.points, "state", layer.state, 1, gl.UNSIGNED_BYTE);
    gl.drawArrays(gl.POINTS, 0, layer.count);
  }

  /** Gives the memory back: a browser has few contexts. */
  close() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
