// A picture of a mesh from a direction, point by point with a depth buffer: needs neither WebGL nor a graphics card.
"use strict";

// The camera {frame, center, scale, width, height}: frame holds the directions right, down and forward as rows.
// Screen points are (column, row, depth); depth counts in pixels too.
function projected(points, { frame, center, scale, width, height }) {
  const out = new Float32Array(points.length);
  for (let i = 0; i < points.length; i += 3) {
    const [x, y, z] = [points[i] - center[0], points[i + 1] - center[1], points[i + 2] - center[2]];
    for (let row = 0; row < 3; row++)
      out[i + row] = scale * (frame[row][0] * x + frame[row][1] * y + frame[row][2] * z);
    out[i] += width / 2;
    out[i + 1] += height / 2;
  }
  return out;
}

const NOTHING = Infinity;

scatterkit.Raster = class {
  constructor() {
    this.size = 0;
  }

  reserve(width, height) {
    [this.width, this.height] = [width, height];
    if (width * height > this.size) {
      this.size = width * height;
      this.depth = new Float32Array(this.size);
      this.bright = new Float32Array(this.size); // below zero: the inside, seen through the cut
    }
    this.depth.fill(NOTHING, 0, width * height);
  }

  // Fill the buffers; shade gives the brightness of a face's corner, keeps says what of space is there:
  // points (column, row, depth) with keeps . point >= least.
  fill(screen, faces, shade, keeps, least) {
    for (let t = 0; t < faces.length; t += 3) {
      const [i, j, k] = [3 * faces[t], 3 * faces[t + 1], 3 * faces[t + 2]];
      const [ax, ay, bx, by] = [screen[i], screen[i + 1], screen[j], screen[j + 1]];
      const [cx, cy] = [screen[k], screen[k + 1]];
      const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
      if (area === 0) continue;
      const inside = area > 0; // the frame is right-handed: outward faces that are turned to the eye wind against it
      if (inside && least === -Infinity) continue; // only a cut shows the inside
      const [top, bottom] = [Math.min(ay, by, cy), Math.max(ay, by, cy)];
      const [left, right] = [Math.min(ax, bx, cx), Math.max(ax, bx, cx)];
      const lastRow = Math.min(this.height - 1, Math.floor(bottom - 0.5));
      const lastColumn = Math.min(this.width - 1, Math.floor(right - 0.5));
      const per = 1 / area;
      const [sa, sb, sc] = [shade(t), shade(t + 1), shade(t + 2)];
      const [da, db, dc] = [screen[i + 2], screen[j + 2], screen[k + 2]];
      for (let row = Math.max(0, Math.ceil(top - 0.5)); row <= lastRow; row++) {
        const y = row + 0.5;
        for (let column = Math.max(0, Math.ceil(left - 0.5)); column <= lastColumn; column++) {
          const x = column + 0.5;
          const u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * per;
          if (u < 0) continue;
          const v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * per;
          const w = 1 - u - v;
          if (v < 0 || w < 0) continue;
          const depth = u * da + v * db + w * dc;
          const at = row * this.width + column;
          if (depth >= this.depth[at] || keeps[0] * x + keeps[1] * y + keeps[2] * depth < least) continue;
          this.depth[at] = depth;
          this.bright[at] = inside ? -1 : u * sa + v * sb + w * sc;
        }
      }
    }
  }
};

// How deep the beam enters the body: z over x and y, seen along the beam.
scatterkit.entryMap = function (mesh, n = 256) {
  let reach = 0;
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let i = 0; i < mesh.points.length; i += 3)
    for (let axis = 0; axis < 2; axis++) {
      low[axis] = Math.min(low[axis], mesh.points[i + axis]);
      high[axis] = Math.max(high[axis], mesh.points[i + axis]);
    }
  for (let axis = 0; axis < 2; axis++) reach = Math.max(reach, 0.51 * (high[axis] - low[axis]));
  const center = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, 0];
  const scale = n / (2 * reach);
  const frame = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  const raster = new scatterkit.Raster();
  raster.reserve(n, n);
  const screen = projected(mesh.points, { frame, center, scale, width: n, height: n });
  raster.fill(screen, mesh.faces, () => 0, [0, 0, 0], -Infinity);
  const { depth } = raster;
  // of the four points around a place the deepest entry counts: on steep fronts their neighbours lie far before it
  return (x, y) => {
    const column = Math.floor((x - center[0]) * scale + n / 2 - 0.5);
    const row = Math.floor((y - center[1]) * scale + n / 2 - 0.5);
    let deepest = -Infinity;
    for (let r = Math.max(0, row); r <= row + 1 && r < n; r++)
      for (let c = Math.max(0, column); c <= column + 1 && c < n; c++) {
        const d = depth[r * n + c];
        if (d !== NOTHING && d > deepest) deepest = d;
      }
    return deepest === -Infinity ? Infinity : deepest / scale;
  };
};

const sharedRaster = new scatterkit.Raster(); // one set of buffers for all views of the page

// Draw a body {mesh, normals, edges, entry, hidden} as pixels (ImageData), all before the plane z = cut left out.
scatterkit.paint = function (body, camera, cut, look) {
  const { width, height, frame, scale, center } = camera;
  const raster = sharedRaster;
  raster.reserve(width, height);
  const screen = projected(body.mesh.points, camera);
  const light = [0, 1, 2].map((axis) => [0, 1, 2].reduce((s, row) => s + look.light[row] * frame[row][axis], 0));
  const { corners } = body.normals;
  const shade = (i) => {
    const dot = corners[3 * i] * light[0] + corners[3 * i + 1] * light[1] + corners[3 * i + 2] * light[2];
    return 0.12 + 0.88 * (0.5 + 0.5 * dot) ** 1.4; // no face is all dark: facets in the shade stay apart
  };
  const along = frame.map((row) => row[2]); // the beam in the camera's frame
  const least = scale * (cut - center[2]) + (along[0] * width + along[1] * height) / 2;
  raster.fill(screen, body.mesh.faces, shade, along, least);
  const image = new ImageData(width, height);
  colorPixels(image, raster, body, camera, { along, least }, look);
  drawEdges(image, raster, body, screen, { along, least }, look);
  return image;
};

function colorPixels(image, raster, body, camera, plane, look) {
  const { width, height, frame, scale, center } = camera;
  const { depth, bright } = raster;
  const hatch = Math.max(6, Math.round(width / 60));
  const at = [0, 0, 0];
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const i = row * width + column;
      if (depth[i] === NOTHING) continue;
      const cap = bright[i] < 0;
      const [x, y] = [column + 0.5, row + 0.5];
      let d = depth[i];
      if (cap && plane.along[2] !== 0)
        d = (plane.least - plane.along[0] * x - plane.along[1] * y) / plane.along[2];
      for (let axis = 0; axis < 3; axis++)
        at[axis] =
          center[axis] +
          (frame[0][axis] * (x - width / 2) + frame[1][axis] * (y - height / 2) + frame[2][axis] * d) / scale;
      const hidden = body.hidden !== null && at[2] - body.entry(at[0], at[1]) > body.hidden;
      const ramp = hidden ? look.hidden : look.measured;
      let level = cap ? 0.82 : bright[i];
      // lines across what is not measured: seen without colours too
      if (hidden && (row + column) % hatch < hatch / 4) level *= 0.72;
      if (rim(raster, i, row, column)) level = -1;
      for (let c = 0; c < 3; c++)
        image.data[4 * i + c] = level < 0 ? look.line[c] : ramp[0][c] + level * (ramp[1][c] - ramp[0][c]);
      image.data[4 * i + 3] = 255;
    }
}

// Whether the body ends beside a pixel, or its cut.
function rim({ depth, bright, width, height }, i, row, column) {
  if (row === 0 || column === 0 || row === height - 1 || column === width - 1) return false;
  for (const j of [i - 1, i + 1, i - width, i + width])
    if (depth[j] === NOTHING || (bright[i] < 0 && bright[j] >= 0)) return true;
  return false;
}

function drawEdges(image, raster, body, screen, plane, look) {
  const { depth, bright, width, height } = raster;
  for (const [a, b, , , strength] of body.edges) {
    const [i, j] = [3 * a, 3 * b];
    const steps = Math.ceil(Math.max(Math.abs(screen[j] - screen[i]), Math.abs(screen[j + 1] - screen[i + 1])));
    const steep = Math.abs(screen[j + 1] - screen[i + 1]) > Math.abs(screen[j] - screen[i]);
    for (let s = 0; s <= steps; s++) {
      const part = steps ? s / steps : 0;
      const [x, y, d] = [0, 1, 2].map((axis) => screen[i + axis] + part * (screen[j + axis] - screen[i + axis]));
      if (plane.along[0] * x + plane.along[1] * y + plane.along[2] * d < plane.least) continue;
      // two pixels beside each other, by nearness: a smooth line
      const across = steep ? x - 0.5 : y - 0.5;
      const near = Math.floor(across);
      for (const [k, weight] of [[near, 1 - (across - near)], [near + 1, across - near]]) {
        const [column, row] = steep ? [k, Math.floor(y)] : [Math.floor(x), k];
        if (row < 0 || column < 0 || row >= height || column >= width) continue;
        const at = row * width + column;
        if (depth[at] === NOTHING || bright[at] < 0 || d > depth[at] + 3) continue; // a section hides what lies behind
        const opacity = 0.75 * strength * weight;
        for (let c = 0; c < 3; c++)
          image.data[4 * at + c] += opacity * (look.line[c] - image.data[4 * at + c]);
      }
    }
  }
}
