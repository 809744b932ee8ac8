"""How a report looks: on paper, in a dark room, and on a phone."""

from __future__ import annotations

#: Colours of a light page; `_DARK` replaces them where the reader's system is dark.
_LIGHT = """
  --ink: #1b1f24; --soft: #5b6570; --faint: #e3e7eb; --paper: #fff; --wash: #f6f8fa;
  --main: #1259c3; --second: #8a939d; --third: #b06a12; --good: #1a7f4b; --bad: #b3261e;
  --cover: #cfd6dd; --lightness: 42%; color-scheme: light;
"""
_DARK = """
  --ink: #e6e9ec; --soft: #9aa4ae; --faint: #2c333b; --paper: #14171b; --wash: #1c2126;
  --main: #6aa5f8; --second: #838d97; --third: #e0a458; --good: #58c48c; --bad: #f2827a;
  --cover: #39424b; --lightness: 68%; color-scheme: dark;
"""

_WORDS = """
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans",
  Arial, sans-serif; -webkit-text-size-adjust: 100%; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 28px 72px; }
h1 { font-size: 29px; line-height: 1.2; letter-spacing: -.015em; margin: 0 0 6px;
  overflow-wrap: anywhere; }
h2 { font-size: 19px; letter-spacing: -.01em; margin: 46px 0 10px; }
h3 { font-size: 15.5px; margin: 0; }
p { margin: 0 0 12px; max-width: 76ch; overflow-wrap: anywhere; }
a { color: var(--main); }
.soft, small { color: var(--soft); } small { font-size: 12.5px; }
code { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, monospace;
  overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--third); }
.note { border-left: 3px solid var(--third); background: var(--wash); padding: 8px 14px;
  margin: 14px 0; }
.note.bad { border-color: var(--bad); } .note p { margin: 0; color: var(--ink); }
dl { display: grid; grid-template-columns: minmax(90px, max-content) 1fr; gap: 4px 18px;
  margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
"""

_NUMBERS = """
.tiles { display: grid; gap: 12px; margin: 24px 0 8px;
  grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); }
.tile { border: 1px solid var(--faint); border-radius: 10px; padding: 13px 16px 12px; }
.tile b { display: block; font-size: 27px; line-height: 1.2; font-weight: 620;
  font-variant-numeric: tabular-nums; letter-spacing: -.02em; }
.tile span { color: var(--soft); font-size: 13px; } .tile b span { font-size: inherit; }
.tile b span.bad { color: var(--bad); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 560; color: var(--soft); font-size: 13px;
  vertical-align: bottom; }
th, td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--faint); }
td { overflow-wrap: anywhere; } th.n, td.n { text-align: right; } td.n { white-space: nowrap; }
tr.main td { font-weight: 620; } td:first-child { min-width: 150px; }
td small { display: block; max-width: 52ch; font-weight: 400; }
.bar { display: inline-block; width: 74px; height: 7px; margin-left: 8px; border-radius: 4px;
  background: var(--faint); overflow: hidden; vertical-align: 1px; }
.bar i { display: block; height: 100%; background: var(--main); }
"""

_PICTURES = """
.cases { display: grid; gap: 22px;
  grid-template-columns: repeat(auto-fit, minmax(min(470px, 100%), 1fr)); }
.case { border: 1px solid var(--faint); border-radius: 10px; overflow: hidden; min-width: 0; }
.case header { padding: 12px 16px 10px; display: flex; flex-wrap: wrap; gap: 2px 12px;
  justify-content: space-between; align-items: baseline; }
.case .facts { padding: 4px 16px 12px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 2px; background: var(--faint); }
.pair.one { grid-template-columns: 1fr; }
.strip { display: grid; gap: 12px; grid-template-columns: repeat(6, 1fr); }
.strip figure { border-radius: 8px; overflow: hidden; grid-column: span 2; }
.strip figure.wide { grid-column: span 3; }
.small { display: grid; gap: 10px;
  grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); }
.album { display: grid; gap: 12px; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.album figure { border-radius: 8px; overflow: hidden; } .board { margin: 12px 0; }
.small + table { margin-top: 12px; } .more { margin-top: 18px; } details { margin-top: 22px; }
summary { cursor: pointer; color: var(--soft); }
.small img { border-radius: 8px; } .small figure { background: none; }
.small figcaption { position: static; padding: 3px 2px 0; background: none; color: var(--soft); }
video { display: block; width: 100%; border-radius: 10px; background: #14181c; }
.films { display: grid; gap: 18px; margin: 22px 0; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(400px, 100%), 1fr)); }
.films figure { background: none; } .films figure:first-child { grid-column: 1 / -1; }
.films figcaption { position: static; padding: 5px 2px 0; background: none; color: var(--soft);
  max-width: none; font-size: 13px; }
figure { margin: 0; position: relative; background: var(--wash); }
figure img { display: block; width: 100%; height: auto; }
figcaption { position: absolute; left: 8px; right: 8px; bottom: 8px; width: fit-content;
  max-width: calc(100% - 16px); padding: 1px 8px; border-radius: 5px;
  background: rgba(20, 24, 28, .78); color: #fff; font-size: 12px; overflow-wrap: anywhere; }
"""

_CHARTS = """
svg { display: block; } svg.curves { width: 100%; height: auto; }
svg.spark { width: 120px; height: 22px; }
.chart { position: relative; height: 190px; margin: 6px 14px 30px 34px; }
.case .chart { height: 120px; } table + .chart { margin-top: 20px; }
.chart svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.chart span { position: absolute; color: var(--soft); font-size: 11px; line-height: 1;
  white-space: nowrap; }
.chart .up { right: calc(100% + 6px); transform: translateY(-50%); }
.chart .across { top: calc(100% + 7px); transform: translateX(-50%); }
.map { position: relative; margin: 12px 0; background: var(--wash);
  border-radius: 10px; overflow: hidden; }
.map svg { width: 100%; height: auto; }
.map span { position: absolute; font-size: 11.5px; line-height: 1.1; padding: 1px 4px;
  border-radius: 4px; transform: translate(6px, -50%); background: var(--paper);
  white-space: nowrap; opacity: .9; }
.map .west { transform: translate(-6px, -50%); }
.map .scale { right: 12px; bottom: 10px; transform: none; border: solid var(--soft);
  border-width: 0 1px 1px; border-radius: 0; text-align: center; background: none; }
.grid, .floor { stroke: var(--faint); stroke-width: 1; }
line, path, polyline { vector-effect: non-scaling-stroke; }
polyline { fill: none; stroke-width: 1.6; stroke-linejoin: round; stroke-linecap: round;
  stroke: var(--second); }
polyline.stack { stroke: var(--main); stroke-width: 2.2; } circle.stack { fill: var(--main); }
polyline.boxes { stroke: var(--second); } circle.boxes { fill: var(--second); }
polyline.clip { stroke: var(--third); } circle.clip { fill: var(--third); }
polyline.dot { stroke-width: 5; }
polyline.own { stroke: var(--ink); stroke-width: 2; stroke-dasharray: 5 4; }
polyline.true { stroke-width: 3.5; stroke: var(--cover); }
polyline.true.dot { stroke-width: 7; }
polyline.track { stroke-width: 2.8; stroke: hsl(var(--hue) 68% var(--lightness)); }
.key.hue { background: hsl(var(--hue) 68% var(--lightness)); }
polygon { fill: var(--faint); } .key.covers { background: var(--cover); height: 9px; }
polyline.mark { stroke: var(--bad); stroke-width: 1; stroke-dasharray: 3 3; }
.key { display: inline-block; width: 16px; height: 3px; border-radius: 2px; margin: 0 6px 3px 0;
  background: var(--second); }
.key.stack { background: var(--main); } .key.clip { background: var(--third); }
.key.good { background: var(--good); height: 9px; }
.key.bad { background: var(--bad); height: 9px; }
.key.wait { background: var(--cover); height: 9px; }
.key.warn { background: var(--third); height: 9px; }
.legend span { margin-right: 18px; display: inline-block; }
"""

_TIMES = """
.times { margin: 10px 0; display: grid; gap: 7px 14px; align-items: center;
  grid-template-columns: minmax(90px, max-content) 1fr; }
.times .who { max-width: 300px; font-size: 13.5px; line-height: 1.3; overflow-wrap: anywhere; }
.times .who small { display: block; }
.times .lane { position: relative; height: 16px; border-radius: 4px; background: var(--wash); }
.times .lane i { position: absolute; top: 0; bottom: 0; min-width: 3px; border-radius: 3px;
  background: var(--main); }
.times .lane i.good { background: var(--good); } .times .lane i.bad { background: var(--bad); }
.times .lane i.wait { background: var(--cover); }
.times .lane i.warn { background: var(--third); }
.times .lane i.at { width: 9px; height: 9px; top: 3.5px;
  bottom: auto; margin-left: -4px; border-radius: 50%; }
.times .axis { position: relative; height: 14px; }
.times .axis span { position: absolute; transform: translateX(-50%); font-size: 11px;
  color: var(--soft); line-height: 1; white-space: nowrap; }
.times .axis span:first-child { transform: none; }
.times .axis span:last-child { transform: translateX(-100%); }
.told { list-style: none; margin: 0; padding: 0; }
.told li { display: grid; grid-template-columns: 74px 96px 1fr; gap: 0 12px; padding: 6px 0;
  border-bottom: 1px solid var(--faint); overflow-wrap: anywhere; }
.told time, .told em { color: var(--soft); font-style: normal; font-size: 13px; }
.told time { font-variant-numeric: tabular-nums; }
.told div small { display: inline; margin-left: 6px; }
.told a[data-at] { color: inherit; text-decoration: underline dotted var(--second);
  text-underline-offset: 4px; border-radius: 3px; }
.told a[data-at]:hover { color: var(--main); text-decoration-color: var(--main); }
.told a.now { background: var(--main); color: var(--paper); text-decoration: none; }
.sound { position: sticky; top: 0; z-index: 1; background: var(--paper); padding: 8px 0 6px; }
.sound audio { display: block; width: 100%; height: 44px; } .sound p { margin: 5px 0 0; }
"""

_PHONE = """
@media (max-width: 620px) { main { padding: 24px 16px 48px; } h1 { font-size: 24px; }
  dl, .cases, .strip { grid-template-columns: minmax(0, 1fr); } dt { margin-top: 6px; }
  .strip figure, .strip figure.wide { grid-column: auto; }
  .map span { font-size: 9px; padding: 0 1px; opacity: .8; }
  .small { grid-template-columns: 1fr 1fr; } .album { grid-template-columns: 1fr; }
  .tiles { grid-template-columns: 1fr 1fr; } .tile b { font-size: 22px; }
  .times { grid-template-columns: minmax(0, 1fr); gap: 2px; } .times .who { margin-top: 7px; }
  .times .who small { display: inline; margin-left: 8px; }
  .told li { grid-template-columns: 74px 1fr; } .told li div { grid-column: 1 / -1; }
  table, tbody, tr, td { display: block; width: auto; } thead { display: none; }
  tr { padding: 10px 0; border-bottom: 1px solid var(--faint); }
  td, td.n { border: 0; padding: 2px 0; display: grid; grid-template-columns: 118px minmax(0, 1fr);
    gap: 10px; text-align: left; white-space: normal; }
  td:first-child { display: block; font-weight: 560; min-width: 0; }
  td::before { content: attr(data-head); color: var(--soft); font-size: 13px; font-weight: 400; }
  td:first-child::before { content: none; } }
@media print { .case, tr { break-inside: avoid; } main { max-width: none; padding: 0; } }
"""

STYLE = (
    f':root {{{_LIGHT}}}\n@media (prefers-color-scheme: dark) {{ :root {{{_DARK}}} }}\n'
    f'{_WORDS}{_NUMBERS}{_PICTURES}{_CHARTS}{_TIMES}{_PHONE}'
)
