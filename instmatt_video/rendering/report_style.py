"""How `report.html` looks: by day, by night and on paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --ink: #1b1f24; --quiet: #5b6570; --line: #d9dee4; --lane: #e9edf1;
  --accent: #2f6fb3; --warn-page: #fff6e0; --warn-line: #d9a520; --edge: rgba(0, 0, 0, .4);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --ink: #e6e9ed; --quiet: #9aa4b0; --line: #30363d; --lane: #262c33;
    --accent: #6aa9e9; --warn-page: #33290f; --warn-line: #b98a17; --edge: rgba(255, 255, 255, .35);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 72rem; padding: 2rem 1.5rem; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif;
}
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 0 0 .7rem; font-size: 1.05rem; }
h3 { display: flex; gap: .5rem; margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
p { margin: .3rem 0; }
a { color: var(--accent); }
header p, footer { color: var(--quiet); }
section { margin-top: 2rem; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .8rem; }
.warnings {
  background: var(--warn-page); border-left: 4px solid var(--warn-line); padding: .8rem 1rem;
}
.warnings ul { margin: 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
.nobody { font-size: 1.1rem; }
article, .axis { border-bottom: 1px solid var(--line); }
article {
  display: grid; grid-template-columns: 5rem 16rem minmax(0, 1fr); gap: 1rem;
  align-items: center; padding: .6rem 0; break-inside: avoid;
}
.axis { position: relative; height: 1.6rem; margin-left: 23rem; color: var(--quiet); }
.axis span { position: absolute; padding-left: .3rem; border-left: 1px solid var(--quiet); }
.axis span { font-size: .8rem; white-space: nowrap; }
.face { text-align: center; }
.face img { display: inline-block; max-width: 5rem; max-height: 5rem; border-radius: 4px; }
.who { min-width: 0; }
.who p { margin: 0; color: var(--quiet); font-size: .85rem; overflow-wrap: anywhere; }
.badge { min-width: 1.6em; padding: 0 .4em; border-radius: 4px; text-align: center; }
.badge { align-self: start; flex: none; }
svg { display: block; width: 100%; }
.bar svg { height: 1.6rem; background: var(--lane); }
.bar rect { stroke: var(--edge); vector-effect: non-scaling-stroke; }
.bar line { stroke: var(--ink); stroke-dasharray: 3 3; vector-effect: non-scaling-stroke; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); text-align: right; }
th, td { white-space: nowrap; }
th { font-weight: 500; }
thead th { color: var(--quiet); font-size: .85rem; }
th:first-child { text-align: left; }
.share { width: 40%; padding: 0 0 0 .6rem; }
.share svg { height: .8rem; background: var(--lane); }
.share rect { fill: var(--accent); }
dl { display: grid; grid-template-columns: 13rem minmax(0, 1fr); gap: .15rem 1rem; margin: 0; }
dt { color: var(--quiet); overflow-wrap: anywhere; }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 46rem) {
  article { grid-template-columns: 5rem minmax(0, 1fr); }
  .bar { grid-column: 1 / -1; }
  .axis { margin-left: 0; }
  dl { grid-template-columns: minmax(0, 1fr); }
  dd { margin-bottom: .4rem; }
}
@media print {
  :root {
    --page: #ffffff; --ink: #000000; --quiet: #444444; --line: #cccccc; --lane: #eeeeee;
    --accent: #2f6fb3; --warn-page: #ffffff; --edge: rgba(0, 0, 0, .4);
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  section, tr { break-inside: avoid; }
  section:has(article) { break-inside: auto; }
}
"""
