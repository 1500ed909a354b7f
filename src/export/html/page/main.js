// Starts the page.

/** Lets the browser paint before it is busy. */
const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

const status = document.getElementById("status");
try {
  await painted();
  const generator = await Generator.load();
  window.gan = generator;
  document.getElementById("page").hidden = false;
  const grid = new Grid(generator);
  connectDirections(generator, grid);
  new Corners(generator);
  connectArithmetic(generator, grid);
  status.hidden = true;
} catch (error) {
  status.textContent = `The generator cannot run here: ${error.message}`;
  throw error;
}
