// The generator in the page: its latent space and its network. Scripts and the console of the browser
// have it as `window.gan`.

const NO_SIMD =
  "This browser has no WebAssembly SIMD; use Chrome 91, Firefox 89, Safari 16.4 or newer.";

class Generator {
  /** Reads the generator in the page. */
  static async load() {
    const model = JSON.parse(document.getElementById("description").textContent);
    const gemm = decodeBase64(model.gemm);
    if (!WebAssembly.validate(gemm)) throw new Error(NO_SIMD);
    const vectors = new NumberReader("vectors", Float32Array);
    const matrices = new NumberReader("matrices", Uint16Array);
    const generator = new Generator();
    generator.model = model;
    generator.space = new LatentSpace(model, vectors);
    const weights = { matrices, vectors, gemm };
    generator.network = await Network.create(model.operations, generator.space.inputs, weights);
    return generator;
  }

  className(label) {
    return this.model.classNames[label] ?? String(label);
  }

  /** The noise of `count` samples (count, latent dimension), as `gan-cuda sample --seed` has it. */
  noise(seed, count) {
    return sampleNoise(this.model.latent, BigInt(seed), count * this.model.latentDim);
  }

  /**
   * Generates an image for each row of noise, of these classes if the GAN is conditional. Returns
   * numbers from -1 to 1 (count, channels, height, width).
   */
  generate(noise, labels = []) {
    const { latentDim } = this.model;
    const { batch, outputs } = this.network;
    const count = noise.length / latentDim;
    const images = new Float32Array(count * outputs);
    const point = (i) =>
      this.space.point(noise.subarray(i * latentDim, (i + 1) * latentDim), labels[i]);
    const points = Array.from({ length: count }, (_, i) => point(i));
    for (let i = 0; i < count; i += batch) {
      images.set(this.network.generate(this.space.input(points.slice(i, i + batch))), i * outputs);
    }
    return images;
  }
}
