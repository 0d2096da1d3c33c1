// Builds dist/report.html: scripts and styles inside of one file. `node build.mjs [OUTPUT]`.
import { build } from 'esbuild';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const output = process.argv[2] ?? join(here, 'dist/report.html');

const { outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: ['src/main.js'],
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2020',
  charset: 'utf8',
  legalComments: 'eof',
  define: { 'process.env.NODE_ENV': '"production"' },
  write: false,
});
const style = (await build({
  absWorkingDir: here, entryPoints: ['src/style.css'], minify: true, write: false,
})).outputFiles[0].text;
// "</script" in the bundle would end its element.
const script = outputFiles[0].text.replaceAll('</script', '<\\/script');
const template = await readFile(join(here, 'src/template.html'), 'utf8');
const page = template
  .replace('/*STYLE*/', () => style.trim())
  .replace('/*SCRIPT*/', () => script.trim());
await writeFile(output, page);
