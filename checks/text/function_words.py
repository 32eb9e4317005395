"""The commonest function words of languages that share a script: articles, pronouns, prepositions, auxiliaries.

Letters say little of a word of two letters, and every second word of a message is one of these. The lists were written
for this project; a language that has a script to itself needs none.
"""

from __future__ import annotations

import unicodedata
from functools import cache

_WORDS: dict[str, str] = {
    # Latin
    "af": """die en van in het is nie dat te op vir met wat hy sy ek jy ons hulle was aan 'n sal kan om ook maar
        as by uit deur na so word moet my jou hom haar hierdie daardie baie nog net toe een wees waar hoe of gaan""",
    "ca": """el la els les de del dels i a en un una que per amb no és al als es se ha han però més com o si jo tu
        ell ella nosaltres seva seu això aquest aquesta hi ho també quan molt perquè ja són era fer sense sobre fins
        qui on amb meva meu què sóc està estic tot tots cap""",
    "cs": """a se v na je že to s z do o i ve pro jsem si ale jako za by od po tak jsou které který která co jak
        už když jeho nebo bylo být byl byla není má jen také při až kde mě mi ten ta pak ještě ani tím jsme jste
        jsi bych tam tady nám vám proč protože může""",
    "cy": """y yr yn a i o ac ar mae am at ei eu un oedd wedi bod gan hi ef fe nhw ni chi ti fi mewn ond sydd hefyd
        oes dim ddim na nac neu pan fel sy'n mae'n i'r o'r a'r yw roedd cael gyda dros""",
    "da": """og i at det en er til af den på de for ikke der med som et jeg har han var du vi kan men fra sig så om
        eller når ved hvad blev skal også min mig dig hun havde efter være nu bliver mere meget kun denne dette
        noget nogle hvor hvis vil efter sin alle godt op ud ned lige os""",
    "de": """der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus
        er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor
        zur bis mehr durch man sein wurde wenn ich du wir ihr mir mich dir dich uns was kann schon hier jetzt immer
        mein dein kein keine doch sehr gut wo warum heute bin hast""",
    "en": """the of and to in a is that it was for on are as with his they be at this have from or had by but not
        what all were we when your can there an which their if do will each about how up out them then she many some
        so these would into has more her two him see no could my than been who its now did i you he me us our just
        like get don't it's i'm that's can't didn't doesn't i've you're we're am very good only over also after
        because where why here too much any does""",
    "es": """de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si
        sin sobre este ya entre cuando todo esta ser son dos también fue había era muy hasta desde está mi
        porque qué sólo han yo hay vez puede todos así nos ni te les eso esto ese esa él ella nosotros ellos tu tú
        mí tengo tiene estoy están hace donde nada quien bien ahora siempre estar hacer""",
    "et": """ja on ei et see ma oli kui ta oma ka mis aga siis mida kes nii või ning nad me te olen seda välja kas
        üks ole ära veel juba mind sa selle kuid nagu pärast ainult väga mu meie teie tema need siin kus miks
        oleks pole olema""",
    "fi": """ja on ei että se hän oli ovat kun joka mutta ole mitä niin kuin myös tai sen vain jos minä sinä me te
        he en et olen sitä tämä mikä nyt siitä sitten kanssa hänen jo olla ollut voi kaikki mukaan jotka minun mitään
        täällä tässä vielä aina paljon hyvin miksi missä koska olisi""",
    "fr": """de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec son
        ou aux mais comme nous sa elle ont cette été leur ses être si tout deux même aussi je tu vous on bien très
        fait peut sans où ces entre encore y me te mon ma mes ton ta votre notre c'est j'ai n'est qu'il d'un d'une
        ça quoi quand alors ils elles suis avez était faire rien toujours moi""",
    "hr": """i je u na se da su za od a s o kao ne će što to koji koja koje ili ali iz bi sam si smo ste do nije
        bio bila sa po samo kako još već može ima ako ga mu joj im jer kad kada sve ovo taj ta te tako nakon prema
        biti nema mi ti on ona oni što bih nisam gdje zašto vrlo više""",
    "hu": """a az és hogy nem is ez egy van volt meg csak de ha mint már még el azt ki én te ő mi ti ők lesz vagy
        ezt aki ami amit sem minden nagyon itt ott így úgy akkor kell lehet után között most mert pedig nincs
        vagyok volna lenne hol miért jó engem neki""",
    "id": """yang dan di dari ini dengan untuk tidak dalam itu pada adalah ke akan oleh juga saya ada bisa kita
        mereka atau karena kami aku kamu dia sudah telah lebih bagi hanya seperti anda tak jika para belum banyak
        lagi apa bukan sangat dapat harus saat tetapi tapi siapa mana kalau masih semua orang jadi sini situ""",
    "it": """di e il la che in a per un è del non una i le si da con sono al della come più o ma lo se nel ha dei gli
        alla anche delle questo questa io tu mi ti ci vi lui lei noi voi loro suo sua mio mia tuo tua dal ho hai
        hanno era essere quando molto perché cosa chi dove tutto tutti fatto ancora solo sempre sul alle dalla
        nella degli ai c'è ne così niente poi bene stato qui""",
    "lt": """ir į kad yra iš su tai o bet kaip jis buvo ne už ar apie jų jos jo nuo po tik dėl prie man aš tu mes jūs
        jie ji savo dar jau kas kur labai taip gali kai per iki mano tavo būti jei nėra kurie kuris šis ši čia""",
    "lv": """un ir ka no uz ar kas par tas bet kā ne tā to viņš viņa es tu mēs jūs viņi savu vai arī lai pie jau tik
        ja nav bija būt pēc man mani tikai vēl kad ļoti kur šis šī tie ko gan līdz vairāk esmu esi""",
    "nl": """de van het een en in is dat op te zijn met voor niet die aan er ook als om maar dan was bij of uit
        nog door over ik je we ze hij wat naar heeft hebben dit deze worden wordt kan meer geen wel al tot had zo
        mijn jullie jij wij zij hun ons onze u uw me mij jou hem haar veel weer nu hier daar waar hoe wie waarom
        moet zou heb bent ben goed gaat even alleen""",
    "no": """og i det er på en til som å av for at med ikke den har de et jeg var men om vi han så seg fra kan du
        skal ble ved eller når hva sin etter meg deg hun hadde være nå bare også opp ut noe noen mer veldig min
        mitt ditt dere hvor hvis vil enn mot inn dette denne blir da bli gjøre hvordan oss""",
    "pl": """w i na z do się nie że to jest o a od po jak za przez dla tym ale co tak są czy jego ma już może tylko
        był była być także lub oraz pod przed która który które mnie mi ja ty on ona my wy oni jej ich ze gdy kiedy
        jeszcze bardzo bo gdzie dlaczego ten ta te tego tej jestem jesteś dobrze więc sobie ci""",
    "pt": """de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à
        seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo
        aos ter seus quem nas me esse eles estão você tinha foram essa num nem suas meu às minha têm numa pelos
        elas havia seja qual será nós tenho lhe deles essas esses estou fazer aqui agora bem então sim""",
    "ro": """de și în a la cu pe care nu este să un din o pentru ce că mai sunt ca se sau al ale lui au am fost
        dar prin după ei el ea eu tu noi voi îi mă te ne vă fi era fiind când cum unde foarte doar toate acest
        această acum până fără despre cel cea dacă cei își ai are asta aici nici bine mi-a s-a""",
    "sk": """a sa v na je že to s z do o aj vo pre som si ale ako za by od po tak sú ktoré ktorý ktorá čo už keď
        jeho alebo bolo byť bol bola nie má len tiež pri až kde ma mi ten tá potom ešte ani sme ste bude môže
        tam tu nám vám prečo pretože iba tento táto veľmi mať so""",
    "sl": """in je v na se da so za od ki po s z ne pri tudi kot ali pa o za iz bi sem si smo ste do ni bil bila
        bilo biti kaj ko še že lahko ima če ga mu jim jih samo le ta to kako kje zakaj zelo več jaz ti on ona mi
        vi oni nič kdo med ter sta svoj nato bo bom""",
    "so": """waa iyo in ku ka oo ay u ee uu la soo aan ah si ayaa loo lagu kale ama isaga iyada waxay waxaa wuxuu
        waxa inuu inay kuwa haddii laakiin markii badan sida ayuu ayay oo isku""",
    "sq": """të e në dhe i për me një që nga është se nuk u ka si më por do ai ajo unë ti ne ju ata kjo ky duke
        kishte janë ishte mund edhe pas prej kur ku çfarë shumë vetëm deri apo ose pa këtë tij saj jam""",
    "sv": """och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan
        när hade du eller vad där efter sin mig dig hon nu över blir bara ska också än ut upp mycket vara här alla
        min mitt din er oss dem detta denna hur varför skulle vill mot kommer något några bli väl ju""",
    "sw": """na ya wa kwa ni katika la za cha hii kuwa si yake hiyo huo pia kama lakini ambayo watu wake yao sana
        hata baada mimi wewe yeye sisi ninyi wao hapa sasa kila ile bila au ili moja tu hapana ndiyo nini wapi""",
    "tl": """ang ng sa na mga at ay ko ni si mo ako ka siya kami tayo sila hindi para ito iyon may mayroon kung
        dahil lang din rin pa ba po naman niya nila natin namin nang kay o pero wala ano sino saan kaya yung""",
    "tr": """ve bir bu da de için ile çok o ne gibi daha ben sen biz siz onlar var yok mi mı mu değil ama kadar en
        sonra olarak olan oldu ki her şey ya benim senin onun beni seni bana sana şu hiç bile diye böyle nasıl
        neden nerede kim zaman şimdi veya ise olduğu iyi değilim""",
    "vi": """và là của có không được trong cho một các với này đã người những tôi để khi đó từ về cũng như ra anh em
        bạn đến thì mà vì ở rất nhiều còn hay lại sẽ đang gì nào chỉ làm vào""",
    # Cyrillic
    "bg": """и на да се в не за от са с по е си че това като но съм ще до аз ти той тя ние вие те беше има при
        който която което които или ни му го я ги ми само още вече много как какво защо къде кога след без така
        може няма във със бъде тук сме сте мен""",
    "mk": """и на да се во не за од се со по е си дека тоа како но сум ќе до јас ти тој таа ние вие тие беше има
        при кој која кое кои или му го ја ги ми само уште веќе многу што зошто каде кога без така може нема тука
        овој оваа ова биде сме сте мене нив""",
    "ru": """и в не на я что он с как это по но из у за от к его же все так она бы мы ты вы они о для то мне было
        только был есть меня еще ещё нет да быть или если уже до когда где кто почему чтобы очень может вот ее её
        их со при ну тоже там тебя нас вас сейчас без этот эта был была были""",
    "uk": """і в не на я що він з як це по але із у за від до його же все так вона б ми ти ви вони про для те мені
        було тільки був є мене ще ні та бути або якщо вже коли де хто чому щоб дуже може ось її їх зі при ну теж
        там тебе нас вас зараз без цей ця була були й""",
    # Arabic
    "ar": """في من على إلى أن عن مع هذا هذه التي الذي لا ما كان هو هي أو كل بعد قبل لم لن قد إن ذلك تلك بين كما
        ثم حتى عند أنا أنت نحن هم لكن هناك كانت فيه به له لها كيف لماذا أين متى جدا غير و يا إذا بن""",
    "fa": """و در به از که این را با است برای آن یک خود تا کرد بر هم نیز شد می ما من تو او شما آنها اما یا اگر
        بود شده دارد باید هر چه چرا کجا چون همه های ها ای نیست هست کند بین پس پیش دیگر خیلی""",
    "ur": """کے کی میں ہے اور سے کا کو اس نے پر یہ ہیں بھی نہیں کہ ایک وہ تھا ہو تھے ان تو جو کر ہوں آپ ہم تم تک
        لیے ساتھ گیا کیا ہی تھی ہوتا کسی اپنے کوئی بعد جس کچھ اب لیکن مجھے""",
    # Devanagari
    "hi": """के में की है और से का को पर यह हैं भी नहीं कि एक वह था हो थे इस ने तो जो कर हूँ आप हम तुम तक लिए साथ
        गया क्या ही थी होता किसी अपने कोई बाद जिस कुछ अब लेकिन मुझे मैं वे उस उन इन अगर बहुत""",
    "mr": """आणि आहे या व हे ते तो ती मी च ला चा ची चे आहेत नाही होते होता होती एक की पण तर हा ही असे असा असून
        केली केले करून करण्यात त्या त्यांच्या त्याच्या झाले झाला आपण तुम्ही आम्ही काय काही मध्ये साठी येथे""",
    "ne": """र छ को मा ले का यो हो पनि छन् भएको गर्न एक यस थियो भने तर लागि गरेको बाट उनी म तिमी हामी तपाईं के
        कुनै गर्ने छैन हुन्छ हुने भन्ने देखि सबै अब धेरै यसको रूपमा साथै""",
}


@cache
def function_words() -> dict[str, tuple[str, ...]]:
    """Per language its words, lower-case and sorted; with accents and as people type them without."""
    return {
        language: tuple(sorted({form for word in words.split() for form in (word, _plain(word))}))
        for language, words in _WORDS.items()
    }


def _plain(word: str) -> str:
    """The word without accents, or as it is where that leaves other letters than those of ASCII."""
    kept = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    return kept if kept.isascii() else word
