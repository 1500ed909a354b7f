// Sliders that move all images of the grid along directions of the latent space.

function connectDirections({ space }, grid) {
  if (space.directions.length === 0) return;
  document.getElementById("directions").hidden = false;
  const sliders = space.directions.map((_, i) => directionSlider(i + 1));
  const move = () => grid.move(sliders.map((slider) => slider.valueAsNumber));
  sliders.forEach((slider) => slider.addEventListener("input", move));
  document.getElementById("reset").addEventListener("click", () => {
    for (const slider of sliders) {
      slider.value = 0;
      slider.dispatchEvent(new Event("input"));
    }
  });
}

function directionSlider(number) {
  const row = document.getElementById("slider").content.cloneNode(true);
  const [label, slider, output] = row.firstElementChild.children;
  label.textContent = number;
  slider.setAttribute("aria-label", `Direction ${number}`);
  slider.addEventListener("input", () => (output.value = slider.valueAsNumber.toFixed(1)));
  document.getElementById("sliders").append(row);
  return slider;
}
