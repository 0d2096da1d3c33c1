// Tables of the page, one array a column. Long ones are packed (src/report/packed_columns.hpp), behind
// this script; a column is unpacked when it is first asked for.
let lines;
const line = (index) => {
  lines ??= document.getElementById('tables').textContent.split('\n');
  return lines[index];
};

/** When packed columns may be asked for. */
export const tablesAreHere = new Promise((resolve) => {
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', resolve);
  else resolve();
});

function unpacked({ line: index, rows }) {
  const bytes = atob(line(index));
  const values = new Array(rows);
  let above = 0;
  let at = 0;
  for (let row = 0; row < rows; row += 1) {
    // Not by shifts: those have 32 bits.
    let zigzag = 0;
    for (let factor = 1, more = true; more; factor *= 128) {
      const byte = bytes.charCodeAt(at);
      at += 1;
      zigzag += (byte & 127) * factor;
      more = byte > 127;
    }
    above += zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    values[row] = above;
  }
  return values;
}

/** `table` with its packed columns as arrays; undefined stays. */
export function table(packed) {
  if (!packed) return undefined;
  const whole = {};
  for (const [name, column] of Object.entries(packed)) {
    if (Array.isArray(column) || column?.line === undefined) whole[name] = column;
    else {
      let values;
      Object.defineProperty(whole, name, { enumerable: true, get: () => (values ??= unpacked(column)) });
    }
  }
  return whole;
}
