// Elements with text; text never becomes markup.
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key === 'class') node.className = value;
    else if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value);
  }
  node.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return node;
}

export function select(label, names, change) {
  const list = element('select', { 'aria-label': label, onchange: () => change(list.selectedIndex) },
    ...names.map((name) => element('option', {}, name)));
  return list;
}

/** `columns`: [{name, cell(i)}]; long tables grow on request. */
export function table(columns, rows, caption) {
  const body = element('tbody');
  const box = element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    element('table', {},
      element('thead', {}, element('tr', {},
        ...columns.map((column) => element('th', { scope: 'col' }, column.name)))),
      body));
  const portion = 500;
  let shown = 0;
  const more = element('button', { type: 'button', onclick: () => grow() });
  function grow() {
    const end = Math.min(rows, shown + portion);
    for (; shown < end; shown += 1) {
      body.append(element('tr', {}, ...columns.map((column) => element('td', {}, column.cell(shown)))));
    }
    more.textContent = `Show more (${shown.toLocaleString()} of ${rows.toLocaleString()} rows)`;
    more.hidden = shown >= rows;
  }
  grow();
  box.append(more);
  return box;
}

export function download(name, url) {
  const link = element('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}
