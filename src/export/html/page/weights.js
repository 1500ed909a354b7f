// The numbers in the page: base64 of little-endian f16 (matrices) and f32 (vectors).

function decodeBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Gives out the numbers of an element's text one array after the other. */
class NumberReader {
  #numbers;
  #position = 0;

  constructor(id, ArrayType) {
    const element = document.getElementById(id);
    this.#numbers = new ArrayType(decodeBase64(element.textContent).buffer);
    // The text is as large as all weights.
    element.remove();
  }

  next(length) {
    return this.#numbers.subarray(this.#position, (this.#position += length));
  }
}

/** The number of each f16 by its bits: sign, 5 bits of exponent, 10 of mantissa. */
const HALVES = Float32Array.from({ length: 1 << 16 }, (_, bits) => {
  const [sign, exponent, mantissa] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * 2 ** (Math.max(exponent, 1) - 25) * (exponent ? 1024 + mantissa : mantissa);
});
