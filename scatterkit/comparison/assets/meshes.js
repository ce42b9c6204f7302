// Bodies as meshes: unpacked from the page, volumes turned into their surface where the occupancy is one half.
"use strict";
const scatterkit = {};

scatterkit.inflate = async function (text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
};

// A mesh {points, faces, smooth}: points (x, y, z) in nm, faces outward, smooth in radians: edges that are
// flatter are shaded away.
scatterkit.unpack = async function (body) {
  if (body.kind === "volume") {
    const occupancy = new Uint8Array(await scatterkit.inflate(body.occupancy));
    return { ...scatterkit.surface(occupancy, body.shape, body.step), smooth: Math.PI };
  }
  return {
    points: new Float32Array(await scatterkit.inflate(body.points)),
    faces: new Uint32Array(await scatterkit.inflate(body.faces)),
    smooth: 0.14,
  };
};

// Surface nets (S. F. F. Gibson, MICCAI 1998): one point in each cell of eight voxel centres that the surface
// crosses, the mean of its crossings of the cell's edges; one quad across each crossed edge. The page holds the
// volume and not its surface, since the surface takes ten times the space.
scatterkit.surface = function (occupancy, shape, step) {
  const grid = padded(occupancy, shape);
  const points = [];
  const numbers = cellPoints(grid, step, points);
  return { points: Float32Array.from(points), faces: Uint32Array.from(quads(grid, numbers)) };
};

// What lies outside of the box is empty, so that the surface closes. Values are above zero inside.
function padded(occupancy, [nz, ny, nx]) {
  const size = [nz + 2, ny + 2, nx + 2];
  const values = new Float32Array(size[0] * size[1] * size[2]).fill(-127.5);
  for (let z = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) {
      const from = (z * ny + y) * nx;
      const to = ((z + 1) * size[1] + y + 1) * size[2] + 1;
      for (let x = 0; x < nx; x++) values[to + x] = occupancy[from + x] - 127.5;
    }
  return { values, size, strides: [size[1] * size[2], size[2], 1] };
}

const CORNERS = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => [(i >> 2) & 1, (i >> 1) & 1, i & 1]);
const EDGES = [];
for (let i = 0; i < 8; i++) for (const bit of [1, 2, 4]) if (!(i & bit)) EDGES.push([i, i | bit]);

function cellPoints({ values, size, strides }, step, points) {
  const numbers = new Int32Array(values.length).fill(-1);
  const offsets = CORNERS.map((c) => c[0] * strides[0] + c[1] * strides[1] + c[2]);
  const middle = size.map((n) => (n - 1) / 2);
  for (let z = 0; z < size[0] - 1; z++)
    for (let y = 0; y < size[1] - 1; y++)
      for (let x = 0; x < size[2] - 1; x++) {
        const first = z * strides[0] + y * strides[1] + x;
        let inside = 0;
        for (let i = 0; i < 8; i++) if (values[first + offsets[i]] > 0) inside++;
        if (inside === 0 || inside === 8) continue;
        const [dz, dy, dx] = meanCrossing(values, first, offsets);
        numbers[first] = points.length / 3;
        points.push((x + dx - middle[2]) * step, (y + dy - middle[1]) * step, (z + dz - middle[0]) * step);
      }
  return numbers;
}

function meanCrossing(values, first, offsets) {
  const sum = [0, 0, 0];
  let count = 0;
  for (const [i, j] of EDGES) {
    const a = values[first + offsets[i]];
    const b = values[first + offsets[j]];
    if (a > 0 === b > 0) continue;
    const part = a / (a - b);
    for (let axis = 0; axis < 3; axis++)
      sum[axis] += CORNERS[i][axis] + part * (CORNERS[j][axis] - CORNERS[i][axis]);
    count++;
  }
  return sum.map((value) => value / count);
}

function quads({ values, size, strides }, numbers) {
  const faces = [];
  for (let z = 1; z < size[0] - 1; z++)
    for (let y = 1; y < size[1] - 1; y++)
      for (let x = 1; x < size[2] - 1; x++) {
        const here = z * strides[0] + y * strides[1] + x;
        for (let axis = 0; axis < 3; axis++)
          for (const side of [1, -1]) {
            // each crossed edge once, from its end inside
            const ahead = here + side * strides[axis];
            if (values[here] <= 0 || values[ahead] > 0) continue;
            const u = strides[(axis + 1) % 3];
            const v = strides[(axis + 2) % 3];
            const cell = side > 0 ? here : ahead;
            const ring = [cell - u - v, cell - v, cell, cell - u].map((at) => numbers[at]);
            // axes are counted z, y, x: a left-handed order
            const [a, b, c, d] = side > 0 ? [ring[0], ring[3], ring[2], ring[1]] : ring;
            faces.push(a, b, c, a, c, d);
          }
      }
  return faces;
}

// Normals of the faces; and of their corners, the mean over the faces around that are turned by less than `smooth`.
scatterkit.normals = function (mesh) {
  const { points, faces, smooth } = mesh;
  const areas = areaVectors(points, faces);
  if (smooth >= Math.PI) return { units: unit(areas), corners: pointNormals(mesh, areas) };
  const around = Array.from({ length: points.length / 3 }, () => []);
  for (let i = 0; i < faces.length; i++) around[faces[i]].push((i / 3) | 0);
  const units = unit(areas);
  const corners = new Float32Array(3 * faces.length);
  const least = Math.cos(smooth) - 1e-9;
  for (let i = 0; i < faces.length; i++) {
    const own = 3 * ((i / 3) | 0);
    for (const other of around[faces[i]]) {
      const k = 3 * other;
      const alike = units[own] * units[k] + units[own + 1] * units[k + 1] + units[own + 2] * units[k + 2];
      if (alike >= least) for (let axis = 0; axis < 3; axis++) corners[3 * i + axis] += areas[k + axis];
    }
  }
  return { units, corners: unit(corners) };
};

// The mean over all faces around, for each face's corners.
function pointNormals({ points, faces }, areas) {
  const sums = new Float32Array(points.length);
  for (let i = 0; i < faces.length; i++)
    for (let axis = 0; axis < 3; axis++) sums[3 * faces[i] + axis] += areas[i - (i % 3) + axis];
  const means = unit(sums);
  const corners = new Float32Array(3 * faces.length);
  for (let i = 0; i < faces.length; i++)
    for (let axis = 0; axis < 3; axis++) corners[3 * i + axis] = means[3 * faces[i] + axis];
  return corners;
}

function areaVectors(points, faces) {
  const areas = new Float32Array(faces.length);
  for (let t = 0; t < faces.length; t += 3) {
    const [i, j, k] = [3 * faces[t], 3 * faces[t + 1], 3 * faces[t + 2]];
    const [ax, ay, az] = [points[j] - points[i], points[j + 1] - points[i + 1], points[j + 2] - points[i + 2]];
    const [bx, by, bz] = [points[k] - points[i], points[k + 1] - points[i + 1], points[k + 2] - points[i + 2]];
    areas[t] = ay * bz - az * by;
    areas[t + 1] = az * bx - ax * bz;
    areas[t + 2] = ax * by - ay * bx;
  }
  return areas;
}

function unit(vectors) {
  const units = new Float32Array(vectors.length);
  for (let i = 0; i < vectors.length; i += 3) {
    const length = Math.hypot(vectors[i], vectors[i + 1], vectors[i + 2]) || 1;
    for (let axis = 0; axis < 3; axis++) units[i + axis] = vectors[i + axis] / length;
  }
  return units;
}

// Edges between facets: [point, point, face, face, strength], stronger the sharper, none within a facet.
scatterkit.facetEdges = function (mesh, units, soft, sharp) {
  if (mesh.smooth >= sharp) return [];
  const { faces } = mesh;
  const seen = new Map();
  const found = [];
  for (let i = 0; i < faces.length; i++) {
    const face = (i / 3) | 0;
    const [a, b] = [faces[i], faces[i % 3 === 2 ? i - 2 : i + 1]];
    const key = a < b ? `${a} ${b}` : `${b} ${a}`;
    if (!seen.has(key)) {
      seen.set(key, face);
      continue;
    }
    const other = seen.get(key);
    const dot = [0, 1, 2].reduce((sum, axis) => sum + units[3 * face + axis] * units[3 * other + axis], 0);
    const strength = (Math.acos(Math.max(-1, Math.min(1, dot))) - soft) / (sharp - soft);
    if (strength > 0) found.push([a, b, face, other, Math.min(1, strength)]);
  }
  return found;
};
