"""The sentences that commands are said in: patterns, one a line, in the order they are tried.

In a pattern `X` is a noun phrase, `N` one that nobody takes for a verb ("the lamp", "lights"), `V`
a value ("30 percent", "red"), `D` a destination ("on the table"), `T` one that somebody points at
("over there"), `P` a span of time; `(a|b)` are alternatives and `[a]` may be left out. Patterns
see plain words (`mm_perception.text.tokens.plain`) without "please" and "could you".
"""

from __future__ import annotations

from mm_perception.samples.speech import Intent

_TRACK = (
    '(track|tracking|follow|following|watch|watching|trace|tracing|monitor|monitoring|tail|chase'
    '|chasing|pursue|pursuing|shadow|observe|observing)'
)
_SEGMENT = '(segment|segmenting|outline|mask|mark|highlight|extract|isolate|cut out|crop)'
_SHAPE = '(mask|outline|contour|contours|shape|silhouette|segmentation|cutout)'
_PUT = '(put|place|move|shift|slide|push|pull|drag|bring|carry|set|set down|position)'
_LEVEL = '(brightness|colour|level|volume|temperature|intensity|speed)'
_DO_NOT = '(do not|you do not need to|you do not have to|no need to|no longer)'

RULES: tuple[tuple[Intent, tuple[str, ...]], ...] = (
    (Intent.TRACK, (
        'do not lose [(sight|track) of] X', 'keep (an eye|your eye|your eyes) on X',
        'keep [the|your] (camera|cameras|focus) on X', '(stay|remain) (on|with) X',
        'lock [on|in] [to|onto] X', 'lock onto X',
    )),
    (Intent.HIDE, (
        '[i] do not want to see X', 'make X (disappear|vanish|invisible|go away)',
        'get rid of X', 'take away X', 'take X away',
        '(remove|take|get) X (from|out of) [the|my] (view|sight|scene|picture|way)',
        '(hide|conceal|remove|delete|erase) X', 'do not show [me] X',
    )),
    (Intent.SHOW, (
        '(let|show) me [see] X again', '(show|display) X again', 'bring back X',
        '(bring|put|get) X back [(in|into) (view|sight|the picture)]', 'make X (appear|reappear)',
        'make X visible [again]', '(unhide|reveal|restore|uncover) X', 'stop hiding X',
        'do not hide X [any more|anymore|any longer]',
    )),
    (Intent.STOP, (
        '(stop|halt|quit|cancel|abort|enough|pause|freeze)', 'stop [right] (there|here)',
        'that is enough', 'enough of that',
        '(stop|quit|cancel|abort|end|clear|cease|forget) (everything|all|all of them|it all|it)',
        '(stop|quit|cease|end) [the] (tracking|following|watching|segmenting|that|this)',
        'stop it [all]', 'quit it', 'leave X alone', 'forget about X',
        f'(stop|quit|cease|end|cancel) [the] {_TRACK} [of] X [any more|anymore|any longer]',
        f'{_DO_NOT} {_TRACK} X [any more|anymore|any longer]',
        f'{_DO_NOT} (keep|continue) {_TRACK} X [any more|anymore|any longer]',
        '(forget|release|ignore|unfollow|untrack|drop|let go of) X',
        '(stop|cancel) X', 'you (can|may) stop',
    )),
    (Intent.TRACK, (f'[(start|begin|keep|continue|go on|resume)] {_TRACK} X',)),
    (Intent.SEGMENT, (
        'cut X out', f'[start] {_SEGMENT} X',
        f'(draw|trace|show|give|make|get|compute|create) [me] (the|a|an) {_SHAPE} (of|for) X',
    )),
    (Intent.SUMMARISE, (
        '(summarise|summarize|recap|sum up) [(in|during|of|over)] P',
        '(summarise|summarize|recap|sum up) [it|this|that|everything|the video|the bag]',
        '[(give|show|make|write|tell) [me]] (a|the) (summary|recap|overview|storyboard|report) '
        '[(of|for|from|about) P]',
        '[(give|show) [me]] the highlights [(of|from) P]',
        'what [has|have] happened [(in|during|over|since|within)] P', 'what [has] happened',
        'what did i miss [(in|during|over|since)] P', 'what did i miss',
    )),
    (Intent.TURN_ON, (
        '(turn|switch|power) (on|up) X', '(turn|switch|power) X on', '(put|get) X on', 'N on',
        '(activate|enable|light up|start|start up|boot) X', 'i need [some] X on',
        'i (want|need) X [turned|switched] on',
    )),
    (Intent.TURN_OFF, (
        '(turn|switch|power|shut) (off|of|down) X', '(turn|switch|power|shut) X (off|down)',
        'N off',
        '(deactivate|disable|put out|kill|extinguish) X', 'i (want|need) X [turned|switched] off',
    )),
    (Intent.SET, (
        f'(set|change|turn|put|adjust) the {_LEVEL} of X (to|at) V',
        '(set|change|adjust|turn|turn up|turn down|dim|brighten|raise|lower|increase|decrease'
        '|reduce|put|bring|heat|cool) X [up|down] (to|at|by) V',
        '(make|turn|paint|colour) X V', 'i (want|need) X [to be] V', 'N (to|at) V',
    )),
    (Intent.MOVE, (f'{_PUT} X T',)),
    (Intent.MOVE, (f'{_PUT} X [over|down|up|back] D', '[let us] (have|put) X D')),
    (Intent.FIND, (
        '(where is|where are|find|find me|locate|look for|looking for|search|search for|spot) X',
        'i am (looking|searching) for X', '(show|point) me [to|at] X', 'show me where X (is|are)',
        '(have you|did you|do you|can you) (seen|see|find) X', 'see X',
        'where (did|have) i (leave|left|put|lose) X', 'where can i (find|see|get) X',
        'i (can not find|lost|have lost) X', '(is|are) X (anywhere|around|visible|in view|there)',
        'where (did|does|has) X (go|gone)', 'tell me where X (is|are)',
    )),
    (Intent.ASK, (
        'how many X (are|do|can|did) (there|you|we|i) [see|count] [now|here]',
        'how many X (are|is) [there] D', 'how many X', 'count X',
        '(is|are) there X', '(is|are) X D',
        '(what|which) (colour|size|kind|type|shape) (is|are|of) X',
        '(what|which) (colour|size|shape) (does|do) X have', 'what (is|are) X [doing]', 'who is X',
        'describe X', 'tell me (about|more about) X',
    )),
    (Intent.SHOW, ('(show|display) X',)),
    (Intent.SELECT, (
        '[no] i (mean|meant) X',
        '(select|choose|pick|pick up|grab|take|click|click on|point at) X',
        '[i will|i would] (have|take|pick|choose) X', 'use X',
    )),
)  # fmt: skip

#: Questions without a noun phrase of their own.
OPEN_QUESTIONS = (
    'what (do|can) you see', 'what is (there|around|around here|around me|going on|happening)',
    'describe [the scene|what you see|your surroundings|the surroundings]', 'what is in view',
    'tell me what (you see|you can see|is there|is going on)', 'what are you (seeing|looking at)',
)  # fmt: skip
#: Verbs that are nothing without what they are for, and the intent they have.
LONELY: dict[str, Intent] = {
    'track': Intent.TRACK, 'follow': Intent.TRACK, 'watch': Intent.TRACK,
    'monitor': Intent.TRACK, 'tracking': Intent.TRACK, 'following': Intent.TRACK,
    'segment': Intent.SEGMENT, 'outline': Intent.SEGMENT, 'mask': Intent.SEGMENT,
    'mark': Intent.SEGMENT, 'highlight': Intent.SEGMENT, 'extract': Intent.SEGMENT,
    'select': Intent.SELECT, 'choose': Intent.SELECT, 'pick': Intent.SELECT,
    'take': Intent.SELECT, 'grab': Intent.SELECT, 'hide': Intent.HIDE, 'remove': Intent.HIDE,
    'show': Intent.SHOW, 'display': Intent.SHOW, 'find': Intent.FIND, 'locate': Intent.FIND,
    'look for': Intent.FIND, 'search for': Intent.FIND, 'where is': Intent.FIND,
    'turn on': Intent.TURN_ON, 'switch on': Intent.TURN_ON, 'turn off': Intent.TURN_OFF,
    'switch off': Intent.TURN_OFF, 'move': Intent.MOVE, 'put': Intent.MOVE,
    'place': Intent.MOVE, 'shift': Intent.MOVE, 'set': Intent.SET, 'change': Intent.SET,
    'adjust': Intent.SET, 'dim': Intent.SET,
}  # fmt: skip
#: Verbs with a thing but without what it takes besides.
HALF: tuple[tuple[Intent, str, str], ...] = (
    (Intent.MOVE, 'destination', '(put|place|move|shift|slide|drag) X'),
    (Intent.SET, 'value', '(set|change|adjust) X'),
)
_YES = 'yes|yeah|yep|yup|ok|okay|sure|right|correct|exactly|affirmative|indeed|absolutely|perfect'
_NO = 'no|nope|nah|wrong|negative|incorrect|not that|not this|not that one|not really'
CONFIRMING = (
    f'({_YES}|that is right|that is correct|that is it|that is the one|of course|go ahead|do it'
    '|do that|fine|good|confirm|go on|sounds good|i agree|certainly|definitely)'
)
DENYING = (
    f'({_NO}|never mind|nevermind|not now|that is wrong|that is not right|that is not it'
    '|that is not what i (meant|mean|want|wanted|said)|no thanks|no thank you|forget that'
    '|do not do (that|it)|do not|leave it)'
)
#: What only makes a sentence polite, or addresses somebody; at its beginning and at its end.
BEFORE = (
    '(please|hey|hi|hello|uh|um|er|ok|okay|so|well|now|then|and|just|robot|computer|assistant)',
    '(can|could|would|will|may) (you|we|i)', 'would you mind', 'i (want|need) you to',
    'i would (like|want) [you] to', 'let us', 'you (can|could|should|may)',
    'go and', 'try to', 'i want to', 'help me', 'kindly', 'simply',
)  # fmt: skip
AFTER = ('(please|for me|now|right now|thanks|thank you|robot|will you|would you|ok|okay)',)
