internal import PicoTopCore
