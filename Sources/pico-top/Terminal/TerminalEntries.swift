/// Terminal descriptions of our own for ncurses, which takes them as text from `TERMINFO`. Source: pico.terminfo, compiled by
/// `tic -x -o DIR pico.terminfo`, then `base64 -w 0 DIR/p/NAME`.
enum TerminalEntries {
  /// 24-bit colour.
  static let direct = """
    HgIqAB0ADwBpAb8CcGljby1kaXJlY3R8eHRlcm0tbGlrZSB3aXRoIGRpcmVjdCBjb2xvdXIAAAEAAAEAAAABAAAAAAEBAAAAAAAAAAAAAAAAAAEAUAAAAAgAAAAYAAAA\
    /////////////////////////////////////////////////////wAAAAEAAAEA//8AAAIABAD//xUAHQAhACUA//8wAEEAQwBHAE4A//9QAFcA//9bAP//XwBjAP//\
    ////////ZwBsAP//dQD///////96AH8AhACJAP//kgCWAP////+fAKUA/////////////////////6sA//+vAP///////7EA//+2AP//////////ugC+AMQAyADMANAA\
    1gDcAOIA6ADuAPIA///3AP//+wAAAQUB////////CQENARUB////////////////////////////////////////HQEmAS8BOAFBAUoBUwFcAWUBbgH/////////////\
    //////////////////93Af//ggGEAYcB/////70B//////////////////////////////////+/Af/////DAckB/////////////////////////////88B////////\
    ////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////\
    0wHZAf//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////\
    /////////////98B////////////////////////////////////////////////////////////////////////5AH/////////////////////////////////////\
    /////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////+0B\
    VgIHAA0AG1slaSVwMSVkOyVwMiVkcgAbW0gbWzJKABtbSwAbW0oAG1slaSVwMSVkRwAbWyVpJXAxJWQ7JXAyJWRIAAoAG1tIABtbPzI1bAAIABtbPzI1aAAbW0MAG1tB\
    ABtbUAAbW00AG1sxbQAbWz8xMDQ5aAAbWzJtABtbN20AG1s3bQAbWzRtABtbJXAxJWRYABtbbQAbWz8xMDQ5bAAbWzI3bQAbWzI0bQAbW0wAfwAbWzN+ABtPQgAbT1AA\
    G1syMX4AG09RABtPUgAbT1MAG1sxNX4AG1sxN34AG1sxOH4AG1sxOX4AG1syMH4AG09IABtbMn4AG09EABtbNn4AG1s1fgAbT0MAG09BABtbPzFsGz4AG1s/MWgbPQAb\
    WyVwMSVkUAAbWyVwMSVkTQAbWyVwMSVkQgAbWyVwMSVkQAAbWyVwMSVkUwAbWyVwMSVkTAAbWyVwMSVkRAAbWyVwMSVkQwAbWyVwMSVkVAAbWyVwMSVkQQAbWyVpJXAx\
    JWRkAAoAG00AG1swJT8lcDYldDsxJTslPyVwNSV0OzIlOyU/JXAyJXQ7NCU7JT8lcDElcDMlfCV0OzclO20ACQAbW1oAG1s/N2gAG1s/N2wAG09GABtbMjN+ABtbMjR+\
    ABtbMUsAG1szOTs0OW0AG1slPyVwMSV7MTd9JTwlcDElezB9JT4lJiV0Mzg7NTslcDElezF9JS0lZCVlMzg7MjslcDElezY1NTM2fSUvJWQ7JXAxJXsyNTZ9JS8lezI1\
    NX0lJiVkOyVwMSV7MjU1fSUmJWQlO20AG1slPyVwMSV7MTd9JTwlcDElezB9JT4lJiV0NDg7NTslcDElezF9JS0lZCVlNDg7MjslcDElezY1NTM2fSUvJWQ7JXAxJXsy\
    NTZ9JS8lezI1NX0lJiVkOyVwMSV7MjU1fSUmJWQlO20AAAEAAAAAAAEABAABAAAAUkdCAA==
    """

  /// 24-bit colour, where erasing may not leave the background.
  static let directPlain = """
    HgJCAA8ADwBpAb8CcGljby1kaXJlY3QtcGxhaW58eHRlcm0tbGlrZSB3aXRoIGRpcmVjdCBjb2xvdXIgYW5kIHBsYWluIGVyYXNpbmcAAAEAAAEAAAABAAAAAAEBAFAA\
    AAAIAAAAGAAAAP////////////////////////////////////////////////////8AAAABAAABAP//AAACAAQA//8VAB0AIQAlAP//MABBAEMARwBOAP//UABXAP//\
    WwD//18AYwD//////////2cAbAD//3UA////////egB/AIQAiQD//5IAlgD/////nwClAP////////////////////+rAP//rwD///////+xAP//tgD//////////7oA\
    vgDEAMgAzADQANYA3ADiAOgA7gDyAP//9wD///sAAAEFAf///////wkBDQEVAf///////////////////////////////////////x0BJgEvATgBQQFKAVMBXAFlAW4B\
    ////////////////////////////////dwH//4IBhAGHAf////+9Af//////////////////////////////////vwH/////wwHJAf//////////////////////////\
    ///PAf//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////\
    /////////////9MB2QH/////////////////////////////////////////////////////////////////////////////////////////////////////////////\
    ///////////////////////////fAf///////////////////////////////////////////////////////////////////////+QB////////////////////////\
    ////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////\
    ///////////tAVYCBwANABtbJWklcDElZDslcDIlZHIAG1tIG1sySgAbW0sAG1tKABtbJWklcDElZEcAG1slaSVwMSVkOyVwMiVkSAAKABtbSAAbWz8yNWwACAAbWz8y\
    NWgAG1tDABtbQQAbW1AAG1tNABtbMW0AG1s/MTA0OWgAG1sybQAbWzdtABtbN20AG1s0bQAbWyVwMSVkWAAbW20AG1s/MTA0OWwAG1syN20AG1syNG0AG1tMAH8AG1sz\
    fgAbT0IAG09QABtbMjF+ABtPUQAbT1IAG09TABtbMTV+ABtbMTd+ABtbMTh+ABtbMTl+ABtbMjB+ABtPSAAbWzJ+ABtPRAAbWzZ+ABtbNX4AG09DABtPQQAbWz8xbBs+\
    ABtbPzFoGz0AG1slcDElZFAAG1slcDElZE0AG1slcDElZEIAG1slcDElZEAAG1slcDElZFMAG1slcDElZEwAG1slcDElZEQAG1slcDElZEMAG1slcDElZFQAG1slcDEl\
    ZEEAG1slaSVwMSVkZAAKABtNABtbMCU/JXA2JXQ7MSU7JT8lcDUldDsyJTslPyVwMiV0OzQlOyU/JXAxJXAzJXwldDs3JTttAAkAG1taABtbPzdoABtbPzdsABtPRgAb\
    WzIzfgAbWzI0fgAbWzFLABtbMzk7NDltABtbJT8lcDElezE3fSU8JXAxJXswfSU+JSYldDM4OzU7JXAxJXsxfSUtJWQlZTM4OzI7JXAxJXs2NTUzNn0lLyVkOyVwMSV7\
    MjU2fSUvJXsyNTV9JSYlZDslcDElezI1NX0lJiVkJTttABtbJT8lcDElezE3fSU8JXAxJXswfSU+JSYldDQ4OzU7JXAxJXsxfSUtJWQlZTQ4OzI7JXAxJXs2NTUzNn0l\
    LyVkOyVwMSV7MjU2fSUvJXsyNTV9JSYlZDslcDElezI1NX0lJiVkJTttAAABAAAAAAABAAQAAQAAAFJHQgA=
    """

  /// 256 colours, for terminals that the database does not know.
  static let indexed256 = """
    HgI3AA8ADwBpAQkCcGljby0yNTZ8eHRlcm0tbGlrZSB3aXRoIDI1NiBjb2xvdXJzIGFuZCBwbGFpbiBlcmFzaW5nAAABAAABAAAAAQAAAAABAVAAAAAIAAAAGAAAAP//\
    //////////////////////////////////////////////////8AAQAAAAABAP//AAACAAQA//8VAB0AIQAlAP//MABBAEMARwBOAP//UABXAP//WwD//18AYwD/////\
    /////2cAbAD//3UA////////egB/AIQAiQD//5IAlgD/////nwClAP////////////////////+rAP//rwD///////+xAP//tgD//////////7oAvgDEAMgAzADQANYA\
    3ADiAOgA7gDyAP//9wD///sAAAEFAf///////wkBDQEVAf///////////////////////////////////////x0BJgEvATgBQQFKAVMBXAFlAW4B////////////////\
    ////////////////dwH//4IBhAGHAf////+9Af//////////////////////////////////vwH/////wwHJAf/////////////////////////////PAf//////////\
    /////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////9MB\
    2QH/////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////\
    ///////////fAf///////////////////////////////////////////////////////////////////////+QB////////////////////////////////////////\
    ///////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////tAfsB\
    BwANABtbJWklcDElZDslcDIlZHIAG1tIG1sySgAbW0sAG1tKABtbJWklcDElZEcAG1slaSVwMSVkOyVwMiVkSAAKABtbSAAbWz8yNWwACAAbWz8yNWgAG1tDABtbQQAb\
    W1AAG1tNABtbMW0AG1s/MTA0OWgAG1sybQAbWzdtABtbN20AG1s0bQAbWyVwMSVkWAAbW20AG1s/MTA0OWwAG1syN20AG1syNG0AG1tMAH8AG1szfgAbT0IAG09QABtb\
    MjF+ABtPUQAbT1IAG09TABtbMTV+ABtbMTd+ABtbMTh+ABtbMTl+ABtbMjB+ABtPSAAbWzJ+ABtPRAAbWzZ+ABtbNX4AG09DABtPQQAbWz8xbBs+ABtbPzFoGz0AG1sl\
    cDElZFAAG1slcDElZE0AG1slcDElZEIAG1slcDElZEAAG1slcDElZFMAG1slcDElZEwAG1slcDElZEQAG1slcDElZEMAG1slcDElZFQAG1slcDElZEEAG1slaSVwMSVk\
    ZAAKABtNABtbMCU/JXA2JXQ7MSU7JT8lcDUldDsyJTslPyVwMiV0OzQlOyU/JXAxJXAzJXwldDs3JTttAAkAG1taABtbPzdoABtbPzdsABtPRgAbWzIzfgAbWzI0fgAb\
    WzFLABtbMzk7NDltABtbMzg7NTslcDElZG0AG1s0ODs1OyVwMSVkbQA=
    """
}
