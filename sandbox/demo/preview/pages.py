"""Messages as one page that looks like Slack's light theme and needs nothing from elsewhere."""

from collections.abc import Sequence

from sandbox.demo.preview import elements, page_elements, posts, stylesheet

_EYE = (
    '<svg width="14" height="14" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.6">'
    '<path d="M1.5 10C4.5 5.6 7.2 4 10 4s5.5 1.6 8.5 6c-3 4.4-5.7 6-8.5 6s-5.5-1.6-8.5-6z"/>'
    '<circle cx="10" cy="10" r="2.8"/></svg>'
)
# No document may come from elsewhere, and nothing in a page may run.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write(shown: Sequence[posts.Post]) -> str:
    """Return a page with *shown* below each other, under the name of the channel of the first."""
    place = shown[0].place if shown else ""
    sign, name = place[:1], place[1:]
    head = f'<header class="place"><i>{page_elements.escape(sign)}</i>{page_elements.escape(name)}</header>'
    return _page(place, f"{head}<main>{''.join(_post(post) for post in shown)}</main>")


def write_view(sheet: posts.View) -> str:
    """Return a page with a modal or a Home tab."""
    title = page_elements.escape(sheet.title)
    return _page(sheet.title, f"<h1>{title}</h1><main>{_groups(sheet.groups)}</main>")


def _page(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{page_elements.escape(title)}</title><style>{stylesheet.CSS}</style></head>\n<body>{body}</body></html>\n"
    )


def _post(post: posts.Post) -> str:
    author = page_elements.escape(post.author)
    app = '<span class="app">APP</span>' if post.is_bot else ""
    private = f'<div class="private">{_EYE}Only visible to you</div>' if post.is_private else ""
    marks = [word for word, is_so in (("in a thread", post.is_in_thread), ("(edited)", post.has_edited_mark)) if is_so]
    mark = f'<span class="mark">{" ".join(marks)}</span>' if marks else ""
    return (
        f'<article class="post">{private}<div class="avatar{" bot" if post.is_bot else ""}">{author[:1].upper()}</div>'
        f'<div class="who"><b>{author}</b>{app}<time>{post.at:%H:%M}</time>{mark}</div>'
        f"{_groups(post.groups)}</article>\n"
    )


def _groups(groups: Sequence[tuple[elements.Element, ...]]) -> str:
    return "".join(f'<div class="group">{page_elements.render_all(group)}</div>' for group in groups)
