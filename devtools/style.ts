/** The style of the panel. It is in a shadow root, so the names can be short, and none of it affects the page. */

export const STYLE: string = `
:host {
  all: initial
  ; color-scheme: light dark
  ; --paper: light-dark(#ffffff, #16191c); --tint: light-dark(#f3f4f6, #1f2428)
  ; --line: light-dark(#dcdfe4, #343b41); --ink: light-dark(#1b1e22, #e9ebec)
  ; --soft: light-dark(#59616b, #a3abb3); --focus: light-dark(#1d5fd0, #7ab0ff)
  ; --mark: light-dark(#dfe9fb, #213a5e); --alive: light-dark(#1d5fd0, #7ab0ff)
  ; --completed: light-dark(#1b7a3d, #62c983); --canceled: light-dark(#a85a00, #f0a24e)
  ; --deadline: light-dark(#c22626, #ff8578); --parent: light-dark(#69707a, #9aa1a9)
  ; --disposed: light-dark(#0c7268, #56c7ba); --collected: light-dark(#7b3fb5, #c79bf2)
}
*, *::before { box-sizing: border-box; margin: 0; }
.root { height: 100%; font: 13px/1.4 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; color: var(--ink); }
button, input { font: inherit; color: inherit; }
button {
  min-height: 26px; padding: 0 8px; border: 1px solid var(--line); border-radius: 6px; background: var(--paper)
  ; white-space: nowrap; cursor: pointer
}
button:hover { border-color: var(--soft); }
button[aria-pressed=true] { background: var(--mark); border-color: var(--focus); }
button.plain { border-color: transparent; background: none; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: -2px; }
.toggle {
  position: fixed; right: 12px; bottom: 12px; z-index: 2147483000; min-height: 34px; padding: 0 12px
  ; border-radius: 17px; box-shadow: 0 2px 8px rgb(0 0 0 / 20%); font-weight: 600
}
.toggle i {
  display: inline-block; width: 14px; height: 8px; margin-right: 4px; background: var(--canceled)
  ; clip-path: polygon(0 0, 60% 0, 45% 100%, 60% 100%, 75% 0, 100% 0, 100% 100%, 0 100%)
}
.dock {
  position: fixed; inset: auto 0 0; z-index: 2147483000; height: min(44vh, 460px); min-height: 220px
  ; border-top: 1px solid var(--line); box-shadow: 0 -4px 20px rgb(0 0 0 / 15%)
}
.panel {
  display: flex; flex-direction: column; height: 100%; min-height: 180px; overflow: hidden; background: var(--paper)
  ; container-type: inline-size
}
.bar-of-tools {
  display: flex; flex-wrap: wrap; gap: 6px; align-items: center; padding: 6px 8px; border-bottom: 1px solid var(--line)
  ; background: var(--tint)
}
.bar-of-tools input[type=search] {
  flex: 0 1 200px; min-width: 80px; height: 26px; padding: 0 8px; border: 1px solid var(--line); border-radius: 6px
  ; background: var(--paper)
}
::placeholder { color: var(--soft); opacity: 1; }
.tools { display: flex; flex: 1; gap: 4px; align-items: center; min-width: 0; }
.gap { width: 6px; }
.body { position: relative; display: flex; flex: 1; min-height: 0; }
.lines { --first: minmax(150px, 34%); display: flex; flex: 1; flex-direction: column; min-width: 0; }
.ruler, .line { display: grid; grid-template-columns: var(--first) minmax(0, 1fr); }
.ruler { border-bottom: 1px solid var(--line); color: var(--soft); font-size: 11px; line-height: 18px
  ; overflow: hidden; }
.ruler .cell { padding-left: 8px; }
.ruler b { position: absolute; padding-left: 3px; border-left: 1px solid var(--line); font-weight: 400
  ; white-space: nowrap; }
.tree { flex: 1; overflow: hidden auto; overscroll-behavior: contain; scrollbar-gutter: stable; }
.ruler { scrollbar-gutter: stable; }
.line { height: 26px; contain: strict; cursor: default; font-size: 12px; line-height: 25px
  ; border-bottom: 1px solid var(--tint); }
.line:hover { background: var(--tint); }
.line[data-state] { background: var(--mark); }
.line[data-state=active] { background: none; box-shadow: inset 0 0 0 1px var(--focus); }
.line[data-match=false] .name { color: var(--soft); font-style: italic; }
.cell { display: flex; gap: 4px; align-items: center; min-width: 0; overflow: hidden; }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap
  ; font-family: ui-monospace, Menlo, Consolas, monospace; }
.twisty { flex: none; width: 14px; height: 24px; }
.twisty[data-folded]::before { content: '▾'; display: block; text-align: center; color: var(--soft); }
.twisty[data-folded=true]::before { content: '▸'; }
.badge {
  flex: none; padding: 0 5px; border: 1px solid var(--deadline); border-radius: 8px; color: var(--deadline)
  ; font-size: 10.5px; line-height: 15px
}
.place {
  flex: none; padding: 0 5px; border-radius: 8px; background: var(--ink); color: var(--paper); font-size: 10.5px
  ; line-height: 16px
}
.track { position: relative; overflow: hidden; }
.ruler .track { border-left: 1px solid transparent; }
.bar { position: absolute; top: 7px; height: 11px; min-width: 3px; border-radius: 3px; background: var(--how); }
.bar[data-late=true] { border-top-left-radius: 0; border-bottom-left-radius: 0; }
.why {
  position: absolute; max-width: 70%; padding: 0 6px; overflow: hidden; color: var(--ink); text-overflow: ellipsis
  ; white-space: nowrap
}
[data-words]::before { content: attr(data-words) }
[data-place=within] {
  top: 4px; max-width: 55%; margin-left: 8px; padding: 0 5px; border-radius: 3px; background: var(--paper)
  ; line-height: 17px
}
[data-how] { --how: var(--alive); }
[data-how=completed] { --how: var(--completed); }
[data-how=canceled] { --how: var(--canceled); }
[data-how=deadline] { --how: var(--deadline); }
[data-how=parent] { --how: var(--parent); }
[data-how=disposed] { --how: var(--disposed); }
[data-how=collected] { --how: var(--collected); }
.line[data-how=alive] .bar { background: repeating-linear-gradient(90deg, var(--how) 0 8px, transparent 8px 10px); }
.details {
  flex: 0 0 min(380px, 40%); padding: 8px 12px 28px; overflow: auto; overscroll-behavior: contain
  ; border-left: 1px solid var(--line); background: var(--paper)
  ; mask-image: linear-gradient(#000 calc(100% - 28px), rgb(0 0 0 / 20%))
}
.details header { display: flex; gap: 8px; align-items: start; justify-content: space-between; }
h2 { font: 600 13px/26px ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
h3 { margin-top: 12px; color: var(--soft); font-size: 12px; font-weight: 600; }
.outcome { margin-bottom: 8px; color: var(--how); font-weight: 600; overflow-wrap: anywhere; }
dl { margin-top: 8px; }
dl div { display: flex; gap: 8px; }
dt { flex: 0 0 80px; color: var(--soft); }
dd { min-width: 0; overflow-wrap: anywhere; }
.chain { margin: 0; padding: 0; list-style: none; }
.chain li { padding-left: 16px; text-indent: -16px; overflow-wrap: anywhere; }
.chain li:not(:first-child)::before { content: '↑ '; color: var(--soft); }
.chain button { min-height: 0; padding: 0; color: var(--focus); text-align: left; text-indent: 0; white-space: normal
  ; overflow-wrap: anywhere; }
pre, code { font: 11.5px/1.5 ui-monospace, Menlo, Consolas, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.warning { margin-top: 10px; padding: 6px 8px; border-left: 3px solid var(--deadline); background: var(--tint)
  ; overflow-wrap: anywhere; }
.status { display: block; min-height: 20px; padding: 1px 8px; border-top: 1px solid var(--line); color: var(--soft)
  ; font-size: 12px; }
.failed { padding: 12px; background: var(--paper); }
@container (max-width: 900px) {
  .tools { flex: 1 0 100%; order: 1; overflow-x: auto; scrollbar-width: none; padding: 2px; }
  .bar-of-tools input[type=search] { flex: 1; }
}
@container (max-width: 640px) {
  .lines { --first: minmax(0, 46%); }
  .details { position: absolute; inset: 0; border: 0; }
  .tools { flex-wrap: wrap; overflow: visible; }
  .gap { display: none; }
}
@media (max-width: 640px) {
  .dock { height: 60vh; }
}
`
