// What stands around a body: the beam, the axes and a bar of a round length.
"use strict";

const INK = "#333";
const scratch = document.createElement("canvas");

// Put the picture of a body on a canvas, with the parts of the beam behind and before it.
scatterkit.compose = function (canvas, image, camera, reach, ratio) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  [scratch.width, scratch.height] = [image.width, image.height];
  scratch.getContext("2d").putImageData(image, 0, 0);
  const behind = camera.frame[2][2] < 0; // the source lies behind the body
  drawBeam(context, camera, reach, ratio, behind ? "source" : "exit");
  context.drawImage(scratch, 0, 0);
  drawBeam(context, camera, reach, ratio, behind ? "exit" : "source");
  drawScale(context, camera, ratio);
  drawAxes(context, camera, ratio);
};

function pen(context, ratio, width = 1.5) {
  context.strokeStyle = context.fillStyle = INK;
  context.lineWidth = width * ratio;
  context.font = `${12.5 * ratio}px system-ui, "DejaVu Sans", sans-serif`;
  context.setLineDash([]);
}

// Words with a white rim, to be read before a body too.
function label(context, words, x, y) {
  context.save();
  context.setLineDash([]);
  [context.strokeStyle, context.lineJoin] = ["rgba(255, 255, 255, 0.85)", "round"];
  context.lineWidth *= 2;
  context.strokeText(words, x, y);
  context.restore();
  context.fillText(words, x, y);
}

function drawBeam(context, { frame, scale, width, height }, reach, ratio, part) {
  const at = (z) => [0, 1].map((axis) => [width, height][axis] / 2 + frame[axis][2] * z * scale);
  pen(context, ratio);
  if (part === "exit") {
    context.setLineDash([4 * ratio, 4 * ratio]);
    line(context, at(0.2 * reach), at(1.32 * reach));
    return;
  }
  const [tail, tip] = [at(-1.32 * reach), at(-1.04 * reach)];
  const length = Math.hypot(tip[0] - tail[0], tip[1] - tail[1]);
  if (length < 6 * ratio) {
    sightline(context, tip, 6 * ratio, frame[2][2] > 0);
    return;
  }
  arrow(context, tail, tip, 7 * ratio);
  const above = tip[1] >= tail[1] ? -1 : 1; // beside the tail, away from the body
  context.textAlign = "center";
  context.textBaseline = above < 0 ? "bottom" : "top";
  const half = context.measureText("beam").width / 2 + 2 * ratio;
  const x = Math.min(width - half, Math.max(half, tail[0]));
  const y = Math.min(height - 16 * ratio, Math.max(16 * ratio, tail[1] + 4 * above * ratio));
  label(context, "beam", x, y);
}

// The beam along the line of sight: into the picture, or out of it.
function sightline(context, [x, y], radius, into) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = "#fff";
  context.fill();
  context.stroke();
  context.fillStyle = INK;
  const d = radius * Math.SQRT1_2;
  if (into) {
    line(context, [x - d, y - d], [x + d, y + d]);
    line(context, [x - d, y + d], [x + d, y - d]);
  } else {
    context.beginPath();
    context.arc(x, y, radius / 3, 0, 2 * Math.PI);
    context.fill();
  }
  context.textAlign = "left";
  context.textBaseline = "middle";
  label(context, "beam", x + 1.5 * radius, y);
}

function line(context, from, to) {
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}

function arrow(context, from, to, size) {
  line(context, from, to);
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  context.beginPath();
  context.moveTo(...to);
  for (const side of [0.4, -0.4])
    context.lineTo(to[0] - size * Math.cos(angle + side), to[1] - size * Math.sin(angle + side));
  context.closePath();
  context.fill();
}

scatterkit.roundLength = function (most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return Math.max(...[1, 2, 5].map((step) => step * power).filter((length) => length <= most));
};

function drawScale(context, { scale, width, height }, ratio) {
  const length = scatterkit.roundLength((0.3 * width) / scale);
  const [right, y] = [width - 12 * ratio, height - 12 * ratio];
  pen(context, ratio, 2.5);
  line(context, [right - length * scale, y], [right, y]);
  context.textAlign = "center";
  context.textBaseline = "bottom";
  label(context, `${Number(length.toPrecision(3))} nm`, right - (length * scale) / 2, y - 4 * ratio);
}

function drawAxes(context, { frame, height }, ratio) {
  const [x, y, length] = [38 * ratio, height - 38 * ratio, 20 * ratio];
  pen(context, ratio, 1.2);
  context.textAlign = "center";
  context.textBaseline = "middle";
  ["x", "y", "z"].forEach((name, axis) => {
    const [dx, dy] = [frame[0][axis] * length, frame[1][axis] * length];
    if (Math.hypot(dx, dy) < 0.25 * length) return; // along the line of sight
    arrow(context, [x, y], [x + dx, y + dy], 5 * ratio);
    const far = 1 + (10 * ratio) / Math.hypot(dx, dy);
    label(context, name, x + dx * far, y + dy * far);
  });
}
