"""Text written for these tests, in many languages, and short ways to read it."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from checks.text import Annotations, TextPlan, annotate, learn
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES

SENTENCES: dict[str, str] = {
    "ar": "وصل الطرد متأخرا جدا ولم يرد أحد على الهاتف",
    "bn": "পার্সেলটি খুব দেরিতে এসেছে এবং কেউ ফোন ধরেনি",
    "cs": "Balík přišel velmi pozdě a nikdo nezvedal telefon",
    "de": "Das Paket kam sehr spät und niemand ging ans Telefon",
    "el": "Το δέμα έφτασε πολύ αργά και κανείς δεν απάντησε στο τηλέφωνο",
    "en": "The parcel came very late and nobody answered the phone",
    "es": "El paquete llegó muy tarde y nadie contestó el teléfono",
    "fa": "بسته خیلی دیر رسید و هیچ‌کس تلفن را جواب نداد، می‌خواهم پولم را پس بگیرم",
    "fi": "Paketti saapui hyvin myöhään eikä kukaan vastannut puhelimeen",
    "fr": "Le colis est arrivé très tard et personne n’a répondu au téléphone",
    "gu": "પાર્સલ ખૂબ મોડું આવ્યું અને કોઈએ ફોન ઉપાડ્યો નહીં",
    "he": "החבילה הגיעה מאוחר מאוד ואף אחד לא ענה לטלפון",
    "hi": "पार्सल बहुत देर से आया और किसी ने फ़ोन नहीं उठाया",
    "hu": "A csomag nagyon későn érkezett és senki sem vette fel a telefont",
    "it": "Il pacco è arrivato molto tardi e nessuno ha risposto al telefono",
    "ja": "荷物がとても遅れて届き、誰も電話に出ませんでした",
    "ko": "소포가 너무 늦게 도착했고 아무도 전화를 받지 않았습니다",
    "nl": "Het pakket kwam erg laat en niemand nam de telefoon op",
    "pl": "Paczka przyszła bardzo późno i nikt nie odbierał telefonu",
    "pt": "A encomenda chegou muito tarde e ninguém atendeu o telefone",
    "ro": "Coletul a ajuns foarte târziu și nimeni nu a răspuns la telefon",
    "ru": "Посылка пришла очень поздно, и никто не отвечал на звонки",
    "sv": "Paketet kom på tok för sent och ingen svarade när jag ringde",
    "ta": "பொதி மிகவும் தாமதமாக வந்தது, யாரும் தொலைபேசியை எடுக்கவில்லை",
    "th": "พัสดุมาถึงช้ามากและไม่มีใครรับโทรศัพท์",
    "tr": "Paket çok geç geldi ve kimse telefona cevap vermedi",
    "uk": "Посилка прийшла дуже пізно, і ніхто не відповідав на дзвінки",
    "vi": "Bưu kiện đến rất muộn và không ai trả lời điện thoại",
    "zh-cn": "包裹来得很晚，而且没有人接电话，我想退货",
}


def large(*messages: str | bytes | None) -> pa.LargeBinaryArray:
    """Messages as the detectors take them; strings may hold lone surrogates."""
    encoded = [m.encode("utf-8", "surrogatepass") if isinstance(m, str) else m for m in messages]
    return pa.array(encoded, pa.large_binary())


@cache
def plan(*languages: str) -> TextPlan:
    """A plan that has learnt the sentences, with a flat choice among the languages (all, if none is named)."""
    return learn(large(*SENTENCES.values()), languages or None)


def read(*messages: str | bytes | None) -> Annotations:
    return annotate(large(*messages), plan())


def damage(message: str | bytes) -> dict[str, int]:
    """Encoding classes of one message and how often each occurs."""
    counts = read(message).encoding_counts[0]
    return {name: int(count) for name, count in zip(ENCODING_CLASSES, counts, strict=True) if count}


def evasion(message: str | bytes) -> dict[str, int]:
    """Evasion classes of one message and how often each occurs."""
    counts = read(message).evasion_counts[0]
    return {name: int(count) for name, count in zip(EVASION_CLASSES, counts, strict=True) if count}
