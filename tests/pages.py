"""HTML pages, parsed."""

import json
from html.parser import HTMLParser


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser takes them; parts that it opens later are in `stored`."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.stored = [], [], [], []
        self.storing = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.storing = ("class", "stored") in attrs

    def handle_data(self, data):
        if self.storing:
            self.stored.append(json.loads(data))
        else:
            self.text.append(data)

    def handle_endtag(self, tag):
        self.storing = False
