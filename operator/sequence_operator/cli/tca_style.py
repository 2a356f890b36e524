"""The style sheet of the page that `sequence tca --html` writes: light, dark and paper."""

STYLE = """
:root{color-scheme:light dark;--paper:#faf9f6;--card:#fff;--ink:#1d2026;--soft:#5b626e;--rule:#dcdad3;--grid:#ebe9e3;
--cost:#b4451f;--gain:#0b7a75;--plain:#4a5b8c;--whisker:#1d2026}
@media(prefers-color-scheme:dark){:root{--paper:#13161b;--card:#1a1e25;--ink:#e8e6e1;--soft:#9aa3b0;--rule:#333a45;
--grid:#272d36;--cost:#f08a5d;--gain:#4cc3b8;--plain:#93a7e0;--whisker:#e8e6e1}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 48px}
header p{margin:.2em 0;color:var(--soft)}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .2em;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.02rem;margin:0 0 .1em}
.lead{font-size:1.06rem;color:var(--ink);max-width:70ch}
.tiles{display:grid;grid-template-columns:repeat(6,1fr);gap:12px;margin:20px 0}
@media(max-width:1000px){.tiles{grid-template-columns:repeat(3,1fr)}}
@media(max-width:560px){.tiles{grid-template-columns:repeat(2,1fr)}}
.tile,section{background:var(--card);border:1px solid var(--rule);border-radius:10px}
.tile{padding:12px 14px}
.tile b{display:block;font-size:1.5rem;font-weight:600;line-height:1.25;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.84rem}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:16px;align-items:start}
section{padding:16px 18px;min-width:0}
.wide{grid-column:1/-1}.high{grid-row:span 2}.formulas{margin-top:16px}
section>p{margin:.1em 0 .7em;color:var(--soft);font-size:.88rem}
svg{display:block;width:100%;height:auto;max-width:640px;overflow:visible}
.small{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:8px 28px}
h3{font-size:.86rem;font-weight:600;margin:.5em 0 0}
svg text{font:12px system-ui,"Segoe UI",Roboto,sans-serif;fill:var(--ink);font-variant-numeric:tabular-nums}
svg .axis{fill:var(--soft);font-size:11px}
svg .grid{stroke:var(--grid)}svg .zero{stroke:var(--soft)}
svg .whisker{stroke:var(--whisker);stroke-width:1.3}
svg .cost{fill:var(--cost)}svg .gain{fill:var(--gain)}svg .plain{fill:var(--plain)}
svg .stroke{stroke:var(--plain);stroke-width:1.8;fill:none}
svg .stroke.cost{stroke:var(--cost)}svg .stroke.gain{stroke:var(--gain)}
.scroll{overflow-x:auto;margin-top:10px}
table{border-collapse:collapse;width:100%;font-size:.84rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding-bottom:2px}
th,td{padding:4px 6px;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
thead th{color:var(--soft);font-weight:500;border-color:var(--rule)}
tbody th{font-weight:500}
.part{padding-left:1.1em!important;color:var(--soft)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:10px 28px;margin:12px 0}
dt{font-weight:600;font-size:.88rem}dd{margin:0;font-size:.84rem;color:var(--soft)}
code{font:12.5px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
footer{color:var(--soft);font-size:.84rem;margin-top:22px}
footer li{margin:.1em 0}
@media print{.tiles{grid-template-columns:repeat(3,1fr)}
:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--rule:#bbb;--grid:#ddd;
--cost:#a33a14;--gain:#07635f;--plain:#3c4c7a;--whisker:#000}
body{font-size:10.5pt}main{max-width:none;padding:0}section,.tile{break-inside:avoid}
.formulas section{break-inside:auto}
.plots{grid-template-columns:1fr 1fr}.scroll{overflow:visible}thead{display:table-header-group}tr{break-inside:avoid}}
"""
