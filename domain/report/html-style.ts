/** Light and dark by what the reader prefers; on paper always light, with everything unfolded. */
export const reportStyle = `
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --line: #d5dbe3; --work: #4c86c6; --critical: #c2410c;
  --person: #d9a514; --queue: #9aa5b1; --away: #8b1e3f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e8ef; --paper: #12161c; --line: #303843; --work: #6ea3df; --critical: #f0743a; --person: #e4bb3c; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1rem; }
td, th { border-bottom: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
td:first-child, th { white-space: nowrap; }
summary { cursor: pointer; padding: 0.2rem 0; }
svg.timeline { width: 100%; height: auto; }
svg text { fill: var(--ink); font: 11px system-ui, sans-serif; }
svg text.critical { font-weight: 700; }
svg line.tick { stroke: var(--line); }
rect.work { fill: var(--work); } rect.critical { fill: var(--critical); } rect.person { fill: var(--person); }
rect.queue { fill: var(--queue); } rect.worker-away { fill: var(--away); } path.mark { fill: var(--ink); }
.legend span { display: inline-block; width: 0.9em; height: 0.9em; margin: 0 0.2em 0 0.8em; vertical-align: -0.1em; }
.legend .work { background: var(--work); } .legend .critical { background: var(--critical); }
.legend .person { background: var(--person); } .legend .queue { background: var(--queue); }
.legend .worker-away { background: var(--away); }
@media print {
  :root { --ink: #000; --paper: #fff; --line: #bbb; }
  body { margin: 0; max-width: none; font-size: 11px; }
  details > summary { list-style: none; } details::details-content { content-visibility: visible; display: block; }
  table, svg, details { break-inside: avoid; } rect, .legend span { print-color-adjust: exact; }
}
`;
