// A chart with what belongs to it: title, note, table view, SVG and PNG, zoom by mouse and keyboard.
import * as echarts from 'echarts/core';
import { BarChart, CustomChart, LineChart } from 'echarts/charts';
import {
  DataZoomComponent, GridComponent, LegendComponent, TooltipComponent,
} from 'echarts/components';
import { CanvasRenderer, SVGRenderer } from 'echarts/renderers';
import { download, element, table } from './dom.js';
import { ink, onTheme, palette } from './theme.js';

echarts.use([BarChart, CanvasRenderer, CustomChart, DataZoomComponent, GridComponent,
  LegendComponent, LineChart, SVGRenderer, TooltipComponent]);

const axis = (colours) => ({
  axisLine: { lineStyle: { color: colours.line } },
  axisTick: { lineStyle: { color: colours.line } },
  axisLabel: { color: colours.soft, hideOverlap: true },
  nameTextStyle: { color: colours.soft },
  splitLine: { lineStyle: { color: colours.line } },
});

/**
 * What all charts share; `option` gives xAxis, yAxis, series, and what else is special. The library's
 * own text for screen readers is off: it reads raw numbers out and would replace the figure's label.
 */
function complete(option) {
  const colours = ink();
  const zoom = option.zoom ?? true;
  const side = (given) => ({ ...axis(colours), ...given,
    axisLabel: { ...axis(colours).axisLabel, ...given.axisLabel } });
  return {
    animation: false,
    color: palette(),
    backgroundColor: 'transparent',
    textStyle: { fontFamily: 'system-ui, "Segoe UI", "DejaVu Sans", sans-serif', color: colours.text },
    grid: { left: 12, right: 24, top: 40, bottom: zoom ? 58 : 26, containLabel: true, ...option.grid },
    legend: { type: 'scroll', top: 4, textStyle: { color: colours.soft }, pageTextStyle: { color: colours.soft }, ...option.legend },
    // Rich text, not HTML: names in the data are shown as they are.
    tooltip: { renderMode: 'richText', confine: true, backgroundColor: colours.back,
      borderColor: colours.line, textStyle: { color: colours.text, fontSize: 12.5 }, ...option.tooltip },
    dataZoom: zoom ? [{ type: 'inside', filterMode: 'none' },
      { type: 'slider', filterMode: 'none', height: 20, bottom: 8, borderColor: colours.line,
        textStyle: { color: colours.soft } }] : [],
    xAxis: side({ nameLocation: 'middle', nameGap: 28, ...option.xAxis }),
    yAxis: side(option.yAxis),
    series: option.series,
  };
}

export class Figure {
  /** `option()` and `data()` ({columns, rows}) are asked again after every change. */
  constructor({ id, title, note, option, data, tall, controls }) {
    this.id = id;
    this.option = option;
    this.data = data;
    this.box = element('div', { class: tall ? 'chart tall' : 'chart', tabindex: '0', role: 'img',
      'aria-label': `${title}. ${note ?? ''} The same numbers are in the table view. `
        + 'Arrow keys move, plus and minus zoom, zero shows all.' });
    this.box.addEventListener('keydown', (event) => this.onKey(event));
    this.drawn = new Promise((resolve) => { this.box.addEventListener('drawn', resolve); });
    this.slot = element('div');
    const tool = (name, label, action) => element('button', { type: 'button', onclick: action,
      'aria-label': `${label}: ${title}` }, name);
    this.tableButton = tool('Table', 'Table view', () => this.toggleTable());
    this.tableButton.setAttribute('aria-expanded', 'false');
    this.root = element('section', { id },
      element('div', { class: 'head' },
        element('div', {}, element('h2', {}, title), element('p', { class: 'note' }, note ?? '')),
        element('div', { class: 'tools' }, this.tableButton,
          tool('SVG', 'Save as SVG', () => download(`${id}.svg`, this.svgUrl())),
          tool('PNG', 'Save as PNG', () => download(`${id}.png`, this.pngUrl())),
          tool('Reset zoom', 'Reset zoom', () => this.zoomTo(0, 100)))),
      ...(controls ? [controls] : []), this.box, this.slot);
    onTheme(() => this.refresh());
    new ResizeObserver(() => this.chart?.resize()).observe(this.box);
    // Charts out of sight are drawn when they come into view.
    new IntersectionObserver((entries, observer) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        observer.disconnect();
        this.draw();
      }
    }, { rootMargin: '400px' }).observe(this.box);
  }

  draw() {
    if (!this.chart) {
      this.chart = echarts.init(this.box, null, { renderer: 'canvas' });
      this.chart.on('rendered', () => this.box.dispatchEvent(new Event('drawn')));
    }
    this.chart.setOption(complete(this.option()), true);
  }

  refresh() {
    if (this.chart) this.draw();
    if (this.table) {
      this.toggleTable();
      this.toggleTable();
    }
  }

  toggleTable() {
    this.tableButton.setAttribute('aria-expanded', String(!this.table));
    if (this.table) {
      this.table.remove();
      this.table = null;
      return;
    }
    const { columns, rows } = this.data();
    this.table = table(columns, rows, `Numbers of ${this.id}`);
    this.slot.append(this.table);
  }

  svg() {
    const quiet = echarts.init(null, null, { renderer: 'svg', ssr: true,
      width: this.box.clientWidth || 1200, height: this.box.clientHeight || 320 });
    const option = complete(this.option());
    option.backgroundColor = ink().back;
    quiet.setOption(option);
    const text = quiet.renderToSVGString();
    quiet.dispose();
    return text;
  }

  svgUrl() {
    return URL.createObjectURL(new Blob([this.svg()], { type: 'image/svg+xml' }));
  }

  pngUrl() {
    this.draw();
    return this.chart.getDataURL({ type: 'png', pixelRatio: 2, backgroundColor: ink().back });
  }

  zoomTo(start, end) {
    this.draw();
    this.chart.dispatchAction({ type: 'dataZoom', dataZoomIndex: 0, start, end });
    this.chart.dispatchAction({ type: 'dataZoom', dataZoomIndex: 1, start, end });
  }

  onKey(event) {
    const zoom = this.chart?.getOption().dataZoom?.[0];
    if (!zoom || event.ctrlKey || event.metaKey || event.altKey) return;
    const { start, end } = zoom;
    const width = end - start;
    const moves = {
      ArrowLeft: [-0.2, -0.2], ArrowRight: [0.2, 0.2], '+': [0.2, -0.2], '=': [0.2, -0.2], '-': [-0.33, 0.33],
    };
    if (event.key === '0') this.zoomTo(0, 100);
    else if (moves[event.key]) {
      const [left, right] = moves[event.key];
      const first = Math.max(0, start + left * width);
      this.zoomTo(first, Math.min(100, Math.max(first + 0.05, end + right * width)));
    } else return;
    event.preventDefault();
  }
}
