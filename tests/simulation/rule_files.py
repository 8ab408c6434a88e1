"""The rules files that a history switches between; the oracle knows what they mean by itself."""

from functools import cache

from eventstac.rules import Rules, load_rules

_SCENES = "pattern: ['scenes/{item}/{asset}.tif', 'scenes/{item}/{asset}.tiff']"
_TEXTS = {
    "plain": f"collections: {{scenes: {{rules: [{{name: scenes, {_SCENES}}}]}}}}",
    "renamed": f"collections: {{scenes: {{rules: [{{name: scenes, {_SCENES}, item: 'x-{{item}}'}}]}}}}",
    "moved": f"collections: {{elsewhere: {{rules: [{{name: scenes, {_SCENES}}}]}}}}",
    "replacing": f"collections: {{scenes: {{rules: [{{name: scenes, {_SCENES}, cog: replace}}]}}}}",
    "ignoring": f"{{ignore: 'scenes/b/*', collections: {{scenes: {{rules: [{{name: scenes, {_SCENES}}}]}}}}}}",
    "reading": f"collections: {{scenes: {{rules: [{{name: scenes, {_SCENES}, read: {{nodata: 5}}}}]}}}}",
    "requiring": f"collections: {{scenes: {{rules: [{{name: scenes, {_SCENES}, require: [b1, b2]}}]}}}}",
}


@cache
def rules_named(variant: str) -> Rules:
    return load_rules(_TEXTS[variant], file=f"{variant}.yaml")
