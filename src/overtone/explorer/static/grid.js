// Finds the point nearest to a place: points are sorted into the cells of a grid once.

/** The smallest box around places: x and y of each point, NaN where there is none. */
export function bounds(...several) {
  let [left, bottom, right, top] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const places of several) {
    for (let at = 0; at < places.length; at += 2) {
      const x = places[at];
      const y = places[at + 1];
      if (x !== x) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < bottom) bottom = y;
      if (y > top) top = y;
    }
  }
  return right >= left ? { left, bottom, right, top } : { left: -1, bottom: -1, right: 1, top: 1 };
}

export class Grid {
  /** places: x and y of each point; NaN where there is none. */
  constructor(places) {
    this.places = places;
    const count = places.length / 2;
    this.box = bounds(places);
    this.cells = Math.max(1, Math.min(512, Math.ceil(Math.sqrt(count / 4))));
    this.width = (this.box.right - this.box.left) / this.cells || 1;
    this.height = (this.box.top - this.box.bottom) / this.cells || 1;
    const cell = new Int32Array(count);
    const starts = new Int32Array(this.cells * this.cells + 1);
    for (let row = 0; row < count; row++) {
      cell[row] = Number.isNaN(places[2 * row]) ? -1 : this.cell(places[2 * row], places[2 * row + 1]);
      if (cell[row] >= 0) starts[cell[row] + 1] += 1;
    }
    for (let at = 0; at < starts.length - 1; at++) starts[at + 1] += starts[at];
    const next = starts.slice();
    this.rows = new Int32Array(count);
    for (let row = 0; row < count; row++) if (cell[row] >= 0) this.rows[next[cell[row]]++] = row;
    this.starts = starts;
  }

  column(x) {
    return Math.min(this.cells - 1, Math.max(0, Math.floor((x - this.box.left) / this.width)));
  }

  line(y) {
    return Math.min(this.cells - 1, Math.max(0, Math.floor((y - this.box.bottom) / this.height)));
  }

  cell(x, y) {
    return this.line(y) * this.cells + this.column(x);
  }

  /** The nearest point that is shown within a distance; -1 if there is none. */
  nearest(x, y, reach, shown) {
    let [best, least] = [-1, reach * reach];
    for (let line = this.line(y - reach); line <= this.line(y + reach); line++) {
      for (let column = this.column(x - reach); column <= this.column(x + reach); column++) {
        const at = line * this.cells + column;
        for (let place = this.starts[at]; place < this.starts[at + 1]; place++) {
          const row = this.rows[place];
          if (!shown[row]) continue;
          const dx = this.places[2 * row] - x;
          const dy = this.places[2 * row + 1] - y;
          const distance = dx * dx + dy * dy;
          if (distance < least) [best, least] = [row, distance];
        }
      }
    }
    return best;
  }

  /** Points that are shown inside a polygon: pairs of x and y. */
  inside(polygon, shown) {
    const xs = polygon.map(([x]) => x);
    const ys = polygon.map(([, y]) => y);
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [bottom, top] = [Math.min(...ys), Math.max(...ys)];
    const found = [];
    for (let row = 0; row < this.places.length / 2; row++) {
      const [x, y] = [this.places[2 * row], this.places[2 * row + 1]];
      if (shown[row] && x >= left && x <= right && y >= bottom && y <= top && isInside(polygon, x, y)) found.push(row);
    }
    return found;
  }
}

function isInside(polygon, x, y) {
  let inside = false;
  for (let at = 0, before = polygon.length - 1; at < polygon.length; before = at++) {
    const [x1, y1] = polygon[at];
    const [x2, y2] = polygon[before];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}
