// A − B + C with images of the grid.

function connectArithmetic(generator, grid) {
  const names = ["a", "b", "c"];
  // The first image, another one of its row, and one of another row.
  const points = [0, 1, grid.cells - 1].map((cell) => grid.point(cell));
  const mosaics = names.map(
    (name) => new Mosaic(document.getElementById(`image-${name}`), generator, 1, 1),
  );
  const result = new Mosaic(document.getElementById("sum"), generator, 1, 1);
  const draw = () => {
    mosaics.forEach((mosaic, i) => mosaic.show([points[i]]));
    result.show([generator.space.sum(...points)]);
  };
  const put = (slot) => {
    points[slot] = grid.selected;
    draw();
  };
  names.forEach((name, slot) => {
    document.getElementById(`slot-${name}`).addEventListener("click", () => put(slot));
  });
  document.getElementById("grid").addEventListener("keydown", (event) => {
    const slot = names.indexOf(event.key.toLowerCase());
    if (slot >= 0 && !event.ctrlKey && !event.metaKey) put(slot);
  });
  draw();
}
