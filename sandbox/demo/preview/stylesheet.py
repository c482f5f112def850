"""How Slack's light theme looks: sizes, greys and distances of its messages."""

CSS = """
:root {
  --ink: #1d1c1d; --grey: #616061; --faint: #ddd; --line: rgba(29, 28, 29, .13); --wash: #f8f8f8;
  --link: #1264a3; --code: #c01343; --mention: #e8f5fa; --green: #007a5a; --red: #e01e5a;
}
* { box-sizing: border-box; }
body {
  margin: 8px; border: 1px solid var(--faint); border-radius: 10px;
  background: #fff; color: var(--ink); overflow-wrap: break-word;
  font: 15px/1.46668 "Slack-Lato", Lato, "Helvetica Neue", Helvetica, Arial, "Noto Color Emoji", sans-serif;
}
main { padding: 12px 20px 16px; }
.place { padding: 13px 20px 12px; border-bottom: 1px solid var(--line); font-size: 16px; font-weight: 900; }
.place i { margin-right: 3px; color: var(--grey); font-style: normal; font-weight: 400; }
.post { position: relative; padding-left: 46px; }
.post + .post { margin-top: 18px; }
.private { display: flex; align-items: center; gap: 6px; margin-bottom: 3px; color: var(--grey); font-size: 13px; }
.avatar {
  position: absolute; left: 0; width: 36px; height: 36px; border-radius: 8px; background: #4a154b; color: #fff;
  font-size: 19px; font-weight: 900; line-height: 36px; text-align: center;
}
.avatar.bot { background: #1d3b53; }
.who { display: flex; align-items: baseline; gap: 6px; margin-bottom: 2px; line-height: 22px; }
.who b { font-weight: 900; }
.app {
  align-self: center; padding: 0 3px; border-radius: 2px; background: var(--faint); color: var(--grey);
  font-size: 10px; font-weight: 700; line-height: 14px;
}
.who time, .who .mark { color: var(--grey); font-size: 12px; }
.group { margin: 4px 0 8px; }
.group:last-child { margin-bottom: 0; }
p, h1, h3, h4, pre, ul, ol, blockquote, dl { margin: 0; font-size: 15px; white-space: pre-wrap; }
h1 { padding: 16px 20px 0; font-size: 22px; font-weight: 900; }
h3 { font-size: 18px; font-weight: 900; line-height: 1.3; }
h4 { font-weight: 700; }
a { color: var(--link); text-decoration: none; }
.mention { padding: 0 2px 1px; border-radius: 3px; background: var(--mention); color: var(--link); }
code, pre { font: 12px/1.5 "Liberation Mono", Menlo, Consolas, "DejaVu Sans Mono", "Noto Color Emoji", monospace; }
code { padding: 2px 3px 1px; border: 1px solid var(--line); border-radius: 3px; background: var(--wash); }
code { color: var(--code); }
pre { margin: 4px 0; padding: 8px; border: 1px solid var(--line); border-radius: 4px; background: var(--wash); }
pre code { padding: 0; border: 0; background: none; color: inherit; }
blockquote { padding-left: 14px; border-left: 4px solid var(--faint); }
ul, ol { padding-left: 26px; }
.note { color: var(--grey); font-size: 12px; line-height: 1.5; }
hr { margin: 12px 0; border: 0; border-top: 1px solid var(--line); }
.grid { width: fit-content; max-width: 100%; overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; font-size: 14px; line-height: 20px; }
th, td { padding: 5px 12px; border: 1px solid var(--line); text-align: left; vertical-align: top; white-space: pre; }
.center { text-align: center; } .right { text-align: right; } .wrapped { white-space: pre-line; }
tr:first-child > * { border-top: 0; } tr:last-child > * { border-bottom: 0; }
tr > :first-child { border-left: 0; } tr > :last-child { border-right: 0; }
th { background: var(--wash); font-weight: 700; }
.facts { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px; }
.controls { display: flex; flex-wrap: wrap; gap: 8px; }
.control {
  height: 28px; padding: 0 10px; border: 1px solid rgba(29, 28, 29, .3); border-radius: 8px; background: #fff;
  font-size: 13px; font-weight: 700; line-height: 26px; white-space: nowrap;
}
.control.primary { border-color: var(--green); background: var(--green); color: #fff; }
.control.danger { border-color: var(--red); color: var(--red); }
.field {
  width: 420px; max-width: 100%; height: 36px; padding: 0 12px; border: 1px solid rgba(29, 28, 29, .3);
  border-radius: 4px; color: var(--grey); line-height: 34px;
}
.choices { align-self: center; color: var(--grey); font-size: 12px; }
.beside { display: flex; gap: 16px; justify-content: space-between; align-items: flex-start; }
.box { max-width: 600px; padding: 12px 16px; border: 1px solid var(--line); border-radius: 12px; }
.box > * + * { margin-top: 8px; }
.task { display: flex; gap: 10px; }
.task > div { min-width: 0; }
.state { flex: none; width: 18px; height: 18px; margin-top: 2px; border: 2px solid var(--faint); border-radius: 50%; }
.state { color: #fff; font-size: 12px; font-weight: 900; line-height: 14px; text-align: center; }
.state.in_progress { border-color: var(--link); border-right-color: var(--faint); }
.state.complete { border-color: var(--green); background: var(--green); }
.state.error { border-color: var(--red); background: var(--red); }
"""
