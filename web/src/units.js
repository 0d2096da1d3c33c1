// Numbers as people read them.
const digits = (value) => value.toLocaleString('en-US', { maximumSignificantDigits: 4 });

export const count = (value) => Math.round(value).toLocaleString('en-US');

export const number = (value) => (Math.abs(value) >= 10000 ? count(value) : digits(value));

export function time(ns) {
  const size = Math.abs(ns);
  if (size >= 1e9) return `${digits(ns / 1e9)} s`;
  if (size >= 1e6) return `${digits(ns / 1e6)} ms`;
  if (size >= 1e3) return `${digits(ns / 1e3)} µs`;
  return `${digits(ns)} ns`;
}

export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${digits(value)} ${units[unit]}`;
}

/** One unit for a whole time axis. */
export function timeScale(mostNs) {
  if (mostNs >= 2e9) return { unit: 's', ns: 1e9 };
  if (mostNs >= 2e6) return { unit: 'ms', ns: 1e6 };
  return { unit: 'µs', ns: 1e3 };
}
