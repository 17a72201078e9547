# The kinds of settings: what a text must look like to be one, as in imgbuild itself (src/define/kind).
package Imgbuild::Kind;
use v5.36;
use Imgbuild::Json;
use Imgbuild::Network;
use Imgbuild::SshKey;
use Imgbuild::Toml;
use Socket qw(AF_INET AF_INET6 inet_pton);

# Strict UTF-8 (RFC 3629).
my $UTF8 = qr/\A(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}
    |\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})*+\z/x;
# The characters of Unicode's category Cc.
our $CONTROL = qr/[\x00-\x1f\x7f]|\xc2[\x80-\x9f]/;
my $LABEL   = qr/(?!-)[A-Za-z0-9-]{1,63}(?<!-)/;
# What every machine calls itself, and what Debian's /etc/hosts calls something else than this device.
my $LOCALHOST = qr/\A(?:.*\.)?localhost(?:\.localdomain)?\z/i;
my $TAKEN   = qr/\A(?:localhost|ip6-(?:localhost|loopback|allnodes|allrouters))\z/i;
my $NAME    = qr/[A-Za-z0-9][A-Za-z0-9._-]{0,31}/;
my $ZONE    = qr/[A-Za-z][A-Za-z0-9_+-]*/;
# 2^64 - 1 divided by each unit, in digits: more than Perl's own numbers hold exactly.
my %LARGEST = (
    ''  => '18446744073709551615',
    KiB => '18014398509481983', MiB => '17592186044415', GiB => '17179869183', TiB => '16777215',
    sectors => '36028797018963967', min => '307445734561825860', h => '5124095576030431', d => '213503982334601',
);

my %FITS = (
    string     => sub($text) { return 1 },
    enum       => sub($text) { return 1 },
    address    => \&Imgbuild::Network::is_machine,
    'ipv4-address' => sub($text) { return $text !~ /:/ && Imgbuild::Network::is_machine($text) },
    bind       => \&Imgbuild::Network::is_bind,
    cidr       => \&is_private_cidr,
    size       => sub($text) { return $text =~ /\A([0-9]+)(TiB|GiB|MiB|KiB|s|)\z/ && in_64_bits($1, $2 eq 's' ? 'sectors' : $2) },
    duration   => sub($text) { return $text =~ /\A([0-9]+)(s|min|h|d)\z/ && in_64_bits($1, $2 eq 's' ? '' : $2) },
    time       => sub($text) { return $text =~ /\A(?:[01][0-9]|2[0-3]):[0-5][0-9]\z/ },
    hostname   => sub($text) { return $text =~ /\A$LABEL\z/ && is_host_name($text) && $text !~ $TAKEN },
    domain     => sub($text) { return $text =~ /\./ && is_host_name($text) && $text !~ $LOCALHOST },
    nickname   => sub($text) { return $text =~ /\A[A-Za-z0-9]{1,19}\z/ },
    'tor-fingerprint' => sub($text) { return $text =~ /\A\$?[0-9a-fA-F]{40}(?:[=~][A-Za-z0-9]{1,19})?\z/ },
    'tor-family-id'   => sub($text) { return $text =~ m{\A(?:\*|[A-Za-z0-9+/]{43}=?)\z} },
    'tor-family-key'  => sub($text) { return $text =~ m{\APT0gZWQyNTUxOXYxLXNlY3JldDogZm1seS1pZCA9PQ[A-D][A-Za-z0-9+/]{85}\z} },
    ssid       => sub($text) { return $text =~ /\A.{1,32}\z/s },
    passphrase => sub($text) { return $text =~ /\A[ -~]{8,63}\z/ || is_psk($text) },
    password   => sub($text) { return $text =~ /\A[ -~]{12,128}\z/ },
    'time-zone' => sub($text) { return length $text <= 64 && $text =~ m{\A$ZONE(?:/$ZONE){0,2}\z} },
    locale     => sub($text) { return $text =~ /\A(?:C|[a-z]{2,3}(?:_[A-Z]{2})?)\.UTF-8(?:\@[a-z]+)?\z/ },
    username   => sub($text) { return $text =~ /\A[a-z][a-z0-9_-]{0,31}\z/ },
    name       => sub($text) { return $text =~ /\A$NAME\z/ },
    interface  => sub($text) { return length $text <= 15 && $text =~ /\A$NAME\z/ && $text !~ /\A(?:[0-9]+|all|default|lo)\z/ },
    'prefixed-address' => \&Imgbuild::Network::is_of_machine,
    network    => \&is_network,
    host       => \&is_host,
    'remote-host' => sub($text) { return is_host($text) && $text !~ $LOCALHOST && (!is_address($text) || Imgbuild::Network::is_machine($text)) },
    'http-status' => sub($text) { return $text =~ /\A[1-5][0-9]{2}(?:-([1-5][0-9]{2}))?\z/ && (!defined $1 || substr($text, 0, 3) <= $1) },
    'url-path' => sub($text) { return length $text <= 256 && $text =~ m{\A/(?:[A-Za-z0-9._~!\$&()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*\z} },
);

# The value that `$text` gives the setting `$definition`; dies with what was expected. A list is `a,b`, or an
# array of TOML.
sub read_value($definition, $text) {
    my $array = $definition->{type} eq 'list' && $text =~ /\A\[.*\]\z/s;
    return read_written($definition, $array ? Imgbuild::Toml::decode($text) : $text);
}

# The same of a text, or of what TOML holds.
sub read_written($definition, $written) {
    return read_list($definition, $written) if $definition->{type} eq 'list';
    return read_table($definition, $written) if $definition->{type} eq 'table';
    my $value = ref $written ? read_typed($definition, $written) : read_one($definition, $written);
    defined $value or die "expected $definition->{expected}\n";
    my $plain = Imgbuild::Json::plain($value);
    if ($definition->{values} && defined $plain && !Imgbuild::Json::is_boolean($value)) {
        grep { $_ eq $plain } @{$definition->{values}} or die 'expected one of ' . join(', ', @{$definition->{values}}) . "\n";
    }
    check_range($definition, $value) if Imgbuild::Json::is_number($value);
    if (defined $plain && !ref $value) {
        die "it has to be given, and this is nothing\n" if $definition->{required} && $plain !~ /[^ ]/;
        check_measure($definition, $plain);
    }
    check_outside($definition, $plain) if $definition->{outside} && defined $plain;
    return $value;
}

# What is no text in TOML is no text here either.
sub read_typed($definition, $written) {
    my $type = $definition->{type};
    return server_table($written) if $type eq 'server' && ref $written eq 'HASH';
    my $fits = Imgbuild::Json::is_number($written) ? $type =~ /\A(?:integer|port)\z/ : Imgbuild::Json::is_boolean($written) && $type eq 'boolean';
    return $fits ? read_one($definition, Imgbuild::Json::plain($written)) : undef;
}

sub read_one($definition, $text) {
    my $type = $definition->{type};
    $text =~ $UTF8 or die "expected text in UTF-8\n";
    return integer($text) if $type eq 'integer';
    return port($text) if $type eq 'port';
    return server($text) if $type eq 'server';
    return Imgbuild::SshKey::read($text) if $type eq 'ssh-key';
    return bridge($text) if $type eq 'tor-bridge';
    return $text =~ /\A(?:true|false)\z/ ? Imgbuild::Json::boolean($text eq 'true') : undef if $type eq 'boolean';
    return undef if $text =~ $CONTROL;
    if ($type eq 'country') {
        return ($text eq '00' || grep { $_ eq $text } @{$definition->{countries}}) ? $text : undef;
    }
    my $fits = $FITS{$type} // die "settings of type `$type` cannot change on the device\n";
    return $fits->($text) ? $text : undef;
}

# A whole number of 64 bits.
sub integer($text) {
    my ($sign, $digits) = $text =~ /\A([-+]?)0*([0-9]+)\z/ or return undef;
    my $limit = $sign eq '-' ? '9223372036854775808' : '9223372036854775807';
    return undef if at_most($digits, $limit) == 0;
    return Imgbuild::Json::number($sign eq '-' && $digits ne '0' ? "-$digits" : $digits);
}

# Whether digits without leading zeros make a number of at most `$limit`, both larger than Perl's own.
sub at_most($digits, $limit) {
    return length $digits < length $limit || length $digits == length $limit && $digits le $limit ? 1 : 0;
}

# Whether digits with a unit make a number of bytes or seconds of at most 64 bits.
sub in_64_bits($digits, $unit) {
    return at_most($digits =~ s/\A0+(?=[0-9])//r, $LARGEST{$unit});
}

# A bridge into the Tor network as a line of torrc has it.
sub bridge($text) {
    my $line = join ' ', grep { $_ ne '' } split / /, $text;
    $line =~ s/\Abridge(?: |\z)//i;
    my $sound = $line =~ m{\A(obfs4 )?(?|([0-9.]+)|\[([0-9a-fA-F:.]+)\]):([1-9][0-9]{0,4})(?: [0-9a-fA-F]{40})?( cert=[A-Za-z0-9+/]{70} iat-mode=[012]| iat-mode=[012] cert=[A-Za-z0-9+/]{70})?\z};
    my ($transport, $address, $port, $arguments) = ($1, $2, $3, $4);
    $sound &&= is_address($address) && $line =~ /\[/ == ($address =~ /:/) && $port <= 65535;
    return $sound && defined $transport == defined $arguments ? $line : undef;
}

# The key that WPA2 makes of a passphrase.
sub is_psk($text) { return $text =~ /\A[0-9a-fA-F]{64}\z/ }

sub port($text) {
    my $port = integer($text) // return undef;
    return $$port >= 1 && $$port <= 65535 ? $port : undef;
}

sub is_address($text) {
    return $text =~ /\A[0-9a-fA-F:.]+\z/ && (defined inet_pton(AF_INET, $text) || defined inet_pton(AF_INET6, $text));
}

sub ipv4($text) {
    my $bytes = $text =~ /\A[0-9.]+\z/ ? inet_pton(AF_INET, $text) : undef;
    return defined $bytes ? unpack 'N', $bytes : undef;
}

# An RFC 1918 address that a network of /24 to /28 can give to a host.
sub is_private_cidr($text) {
    my ($address, $prefix) = network($text) or return 0;
    my $hosts = (1 << (32 - $prefix)) - 1;
    my $private = ($address >> 24) == 10 || ($address >> 20) == 0xac1 || ($address >> 16) == 0xc0a8;
    return $private && $prefix >= 24 && $prefix <= 28 && ($address & $hosts) != 0 && ($address & $hosts) != $hosts;
}

sub network($text) {
    my ($left, $right) = $text =~ m{\A([^/]*)/\+?0*([0-9]{1,2})\z} or return;
    my $address = ipv4($left) // return;
    return $right <= 32 ? ($address, $right) : ();
}

# The bits behind the prefix of an address with the length of its prefix.
sub bits($text) {
    my ($address, $prefix) = $text =~ m{\A([^/]*)/(0|[1-9][0-9]{0,2})\z} or return undef;
    is_address($address) or return undef;
    my $bits = unpack 'B*', inet_pton($address =~ /:/ ? AF_INET6 : AF_INET, $address);
    return $prefix <= length $bits ? substr $bits, $prefix : undef;
}

# One of IPv4 in the form of IPv6 matches no packet.
sub is_network($text) {
    my $rest = bits($text) // return 0;
    my ($address, $prefix) = split m{/}, $text;
    return $rest !~ /1/ && !($prefix >= 96 && Imgbuild::Network::bits($address) =~ /\A0{80}1{16}/);
}

sub is_host($text) {
    return is_address($text) ? Imgbuild::Network::is_reached($text) : is_host_name($text);
}

# Names as programs look them up; one that ends in a number is an address for inet_aton(3), or a mistyped one.
sub is_host_name($text) {
    return length $text <= 253 && $text =~ /\A$LABEL(?:\.$LABEL)*\z/ && $text !~ /(?:\A|\.)(?:[0-9]+|0[xX][0-9A-Fa-f]*)\z/;
}

sub check_outside($definition, $cidr) {
    my ($address, $prefix) = network($cidr) or return;
    my $hosts = (1 << (32 - $prefix)) - 1;
    my ($first, $last) = ($address & ~$hosts & 0xffffffff, $address | $hosts);
    for my $taken (@{$definition->{outside}}) {
        my ($low, $high) = map { $$_ } @$taken;
        die "this network is used for something else\n" if $first <= $high && $low <= $last;
    }
}

sub check_range($definition, $value) {
    my ($min, $max) = map { defined $definition->{$_} ? ${$definition->{$_}} : undef } qw(min max);
    return if !(defined $min && $$value < $min) && !(defined $max && $$value > $max);
    die 'expected ' . (defined $min && defined $max ? "$min to $max" : defined $min ? "$min or more" : "$max or less") . "\n";
}

my %SECONDS = (s => 1, min => 60, h => 3600, d => 86400);

# Of a text, its bytes; of a time span, its seconds.
sub check_measure($definition, $text) {
    my $type = $definition->{type};
    return check_range($definition, Imgbuild::Json::number(length $text)) if $type eq 'string';
    return if $type ne 'duration' || $text !~ /\A([0-9]+)([a-z]+)\z/;
    check_range($definition, Imgbuild::Json::number($1 * $SECONDS{$2}));
}

# `web1=10.0.0.11:8080`
sub server($text) {
    my ($name, $address, $port) = $text =~ /\A([^=]*)=(.*):([^:]*)\z/s or return undef;
    $address =~ s/\A\[+//;
    $address =~ s/\]+\z//;
    $port = integer($port) // return undef;
    return server_table({name => $name, address => $address, port => $port});
}

# The same with a weight, which HAProxy takes up to 256, or in reserve.
sub server_table($fields) {
    my %server = (weight => Imgbuild::Json::number(1), backup => Imgbuild::Json::boolean(0), %$fields);
    keys %server == 5 or return undef;
    my ($name, $address, $port, $weight, $backup) = @server{qw(name address port weight backup)};
    defined $name && !ref $name && $name =~ /\A$NAME\z/ or return undef;
    defined $address && !ref $address && is_host($address) or return undef;
    Imgbuild::Json::is_number($port) && defined port($$port) or return undef;
    Imgbuild::Json::is_number($weight) && $$weight =~ /\A[0-9]{1,3}\z/ && $$weight <= 256 or return undef;
    return Imgbuild::Json::is_boolean($backup) ? \%server : undef;
}

# `a,b`, or what is in an array.
sub read_list($definition, $written) {
    die "expected a list\n" if ref $written && ref $written ne 'ARRAY';
    my @written = $definition->{items}{type} eq 'ssh-key' ? Imgbuild::SshKey::parts($written) : ref $written ? @$written : $written eq '' ? () : split /,/, $written, -1;
    @written <= 1000 or die "expected 1000 values at most\n";
    my @items = map { read_written($definition->{items}, $_) } @written;
    check_range($definition, Imgbuild::Json::number(scalar @items));
    my %seen;
    if (defined(my $unique = $definition->{unique})) {
        for my $item (grep { ref $_ eq 'HASH' } @items) {
            die "two values have the $unique `$item->{$unique}`\n" if $seen{$item->{$unique}}++;
        }
    }
    return \@items;
}

# Every field of the table: as it was given, its default, or nothing.
sub read_table($definition, $written) {
    ref $written eq 'HASH' or die 'expected a table, such as { ' . join(', ', map { "$_ = …" } required($definition)) . " }\n";
    my $fields = $definition->{fields};
    for my $name (sort keys %$written) {
        $fields->{$name} or die "there is no field `$name`, only `" . join('`, `', sort keys %$fields) . "`\n";
    }
    for my $name (required($definition)) { exists $written->{$name} or die "`$name` is missing\n" }
    my %table;
    for my $name (keys %$fields) {
        $table{$name} = $fields->{$name}{default};
        next if !exists $written->{$name};
        eval { $table{$name} = read_written($fields->{$name}, $written->{$name}); 1 } or die "`$name`: $@";
    }
    return \%table;
}

sub required($definition) { return grep { $definition->{fields}{$_}{required} } sort keys %{$definition->{fields}} }

# A value as a person writes it.
sub show($definition, $value) {
    return Imgbuild::Json::plain($value) if ref $value ne 'ARRAY';
    my $items = $definition->{items};
    my @short = map { short($items, $_) } @$value;
    my $text = join ',', map { $_ // '' } @short;
    return $text if $text !~ /\A\[.*\]\z/s && !grep { !defined || /,/ || $_ eq '' } @short;
    return Imgbuild::Toml::encode([map { telling($items, $_) } @$value], sub($table) { return in_order($items, $table) });
}

# An item of a list `a,b`; undef for one with more to it.
sub short($definition, $item) {
    return Imgbuild::Json::plain($item) if ref $item ne 'HASH';
    return undef if $definition->{type} ne 'server' || ${$item->{weight}} != 1 || ${$item->{backup}};
    my $address = $item->{address} =~ /:/ ? "[$item->{address}]" : $item->{address};
    return "$item->{name}=$address:${$item->{port}}";
}

# A table without what goes without saying, and with the short names of servers.
sub telling($definition, $value) {
    return $value if !$definition->{fields};
    my %told;
    for my $name (grep { defined $value->{$_} } keys %$value) {
        my $field = $definition->{fields}{$name};
        next if defined $field->{default} && Imgbuild::Json::encode($field->{default}) eq Imgbuild::Json::encode($value->{$name});
        $told{$name} = $field->{type} eq 'list' ? [map { ref $_ eq 'HASH' ? short($field->{items}, $_) // $_ : $_ } @{$value->{$name}}] : $value->{$name};
    }
    return \%told;
}

# The fields that are told, those that have to be there first. A server is worth the same as others.
sub in_order($definition, $table) {
    my %rank = ((map { $_ => 1 } qw(address port), $definition->{fields} ? required($definition) : ()), name => 2);
    my @told = grep { !($_ eq 'weight' && ${$table->{$_}} == 1 || $_ eq 'backup' && !${$table->{$_}}) } keys %$table;
    return sort { ($rank{$b} // 0) <=> ($rank{$a} // 0) || $a cmp $b } @told;
}

1;
