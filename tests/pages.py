"""HTML pages, parsed."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser takes them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)
