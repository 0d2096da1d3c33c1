// Colours of the charts in both themes; the series colours keep their order for colour-blind eyes.
const root = document.documentElement;
const listeners = [];

export const palette = () => (isDark()
  ? ['#7aa5ff', '#f2a65a', '#4ecdb0', '#c49bff', '#ff8b96', '#d6c35c', '#8fb8c9', '#e59ad0']
  : ['#2f62c9', '#d9771f', '#14866d', '#7d4cc0', '#c2414f', '#94801a', '#4d7f93', '#b04f97']);

export const ink = () => (isDark()
  ? { text: '#e4e9f0', soft: '#9aa7b7', line: '#2c3542', back: '#1a2029' }
  : { text: '#1b2430', soft: '#5a6675', line: '#e3e7ed', back: '#ffffff' });

export const isDark = () => root.dataset.theme === 'dark';

export const onTheme = (listener) => listeners.push(listener);

export function setUpTheme(button) {
  const show = (dark) => {
    root.dataset.theme = dark ? 'dark' : 'light';
    button.textContent = dark ? 'Light' : 'Dark';
    button.setAttribute('aria-pressed', String(dark));
    listeners.forEach((listener) => listener());
  };
  const asked = new URLSearchParams(location.search).get('theme');
  show(asked ? asked === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches);
  button.addEventListener('click', () => show(!isDark()));
}
