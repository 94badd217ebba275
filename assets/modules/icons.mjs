// Which pictures does the map need? Drawn on a canvas at start: the hatch of "no data" and a mark for each state.

const RATIO = 2;

/** Adds the pictures to a map; both themes at once, so that a switch of the theme needs none. */
export function add(map) {
  if (map.hasImage("hatch-light")) return;
  for (const theme of ["light", "dark"]) map.addImage(`hatch-${theme}`, hatch(theme), { pixelRatio: RATIO });
  map.addImage(
    "room",
    picture(32, () => null),
    { pixelRatio: RATIO },
  );
  for (const [name, draw] of Object.entries(MARKS))
    map.addImage(`mark-${name}`, picture(28, draw), { pixelRatio: RATIO });
}

function hatch(theme) {
  const size = 16;
  return picture(size, (pen) => {
    pen.fillStyle = theme === "light" ? "#E9EAEB" : "#1B2026";
    pen.fillRect(0, 0, size, size);
    pen.strokeStyle = theme === "light" ? "#C3C7CC" : "#363E47";
    pen.lineWidth = 2;
    pen.beginPath();
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift - 2, size + 2);
      pen.lineTo(shift + size + 2, -2);
    }
    pen.stroke();
  });
}

const MARKS = {
  cross: stroke([
    [8, 8, 20, 20],
    [20, 8, 8, 20],
  ]),
  bang: stroke([
    [14, 6, 14, 16],
    [14, 21.5, 14, 22],
  ]),
  down: stroke([
    [8, 11, 14, 18],
    [14, 18, 20, 11],
  ]),
  up: stroke([
    [8, 17, 14, 10],
    [14, 10, 20, 17],
  ]),
};

function stroke(lines) {
  return (pen) => {
    pen.strokeStyle = "#FFFFFF";
    pen.lineWidth = 3.6;
    pen.lineCap = "round";
    for (const [x1, y1, x2, y2] of lines) {
      pen.beginPath();
      pen.moveTo(x1, y1);
      pen.lineTo(x2, y2);
      pen.stroke();
    }
  };
}

function picture(size, draw) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  draw(pen);
  return pen.getImageData(0, 0, size, size);
}
